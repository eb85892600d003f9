// What pages do better with a script; without it everything works all the same.
(() => {
  "use strict";
  const own = document.getElementById("pages").dataset;
  const language = document.querySelector("header nav").lang;
  const hosts = JSON.parse(own.hosts || "{}"); // patterns of readers that people host themselves
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const stored = (name, value) => {
    try { // a browser may forbid it
      return value === undefined ? localStorage.getItem(name) : localStorage.setItem(name, value);
    } catch { return null; }
  };
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  const live = make("p", { className: "hidden", role: "status" });
  live.setAttribute("aria-live", "polite");
  document.body.append(live);

  for (const field of all(".address input")) field.addEventListener("focus", () => field.select());
  for (const button of all(".copy")) {
    const label = button.textContent, field = button.previousElementSibling;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(field.value);
      } catch { // without HTTPS there is no clipboard
        field.select();
        if (!document.execCommand("copy")) return;
      }
      button.textContent = live.textContent = own.copied;
      setTimeout(() => { button.textContent = label; live.textContent = ""; }, 3000);
    });
  }

  // The reader that this browser chose last comes first; only this browser knows it.
  const offer = (list, feed) => {
    all(".last", list).forEach((item) => {
      item.classList.remove("last");
      if (item.dataset.host) item.remove();
    });
    const [name, host] = (stored("reader") || "").split("\n");
    let item = all("li", list).find((other) => other.firstElementChild.dataset.reader === name);
    if (!item && host && Object.hasOwn(hosts, name)) {
      const href = host + hosts[name].replace("{e}", encodeURIComponent(feed));
      item = make("li", {}, make("a", { href, rel: "noopener noreferrer", textContent: name }));
      item.dataset.host = host;
    }
    if (!item) return;
    item.classList.add("last");
    list.prepend(item);
  };
  for (const list of all(".readers")) {
    const panel = list.parentElement, feed = panel.querySelector("input").value;
    list.addEventListener("click", ({ target }) => {
      if (target.dataset.reader) stored("reader", target.dataset.reader);
    });
    if (own.hosts) {
      const names = make("select", { ariaLabel: own.other });
      names.append(...Object.keys(hosts).map((name) => make("option", { textContent: name })));
      const host = make("input", { type: "url", required: true, ariaLabel: own.host, placeholder: "https://reader.example.org" });
      const form = make("form", { className: "own", hidden: true }, names, host, make("button", { textContent: own.go }));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (!/^https?:/i.test(host.value)) return;
        stored("reader", `${names.value}\n${host.value.replace(/[/?#]*$/, "")}`);
        offer(list, feed);
        list.querySelector(".last a").click();
      });
      const other = make("button", { type: "button", textContent: own.other, ariaExpanded: "false" });
      other.addEventListener("click", () => {
        form.hidden = !form.hidden;
        other.ariaExpanded = String(!form.hidden);
        if (!form.hidden) host.focus();
      });
      list.append(make("li", {}, other));
      list.after(form);
    }
    offer(list, feed);
  }

  // "3 minutes ago", for times of the last day.
  const words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  for (const time of all("time")) {
    const minutes = Math.round((Date.parse(time.dateTime) - Date.now()) / 60000);
    if (minutes > 0 || minutes <= -1440 || Number.isNaN(minutes)) continue;
    time.title = time.textContent;
    time.textContent = minutes > -60 ? words.format(minutes, "minute") : words.format(Math.round(minutes / 60), "hour");
  }

  for (const field of all(".filter")) {
    const items = all("li", field.parentElement);
    field.hidden = false;
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    });
  }
  addEventListener("error", ({ target }) => { if (target.matches?.(".thumb")) target.remove(); }, true);
  for (const box of all(".content pre, .content table")) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
})();
