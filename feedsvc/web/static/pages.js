// What pages do better with a script; without it they work all the same.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, values, ...children) => {
    const element = Object.assign(document.createElement(name), values);
    element.append(...children);
    return element;
  };
  const words = document.getElementById("pages").dataset;
  const hosts = JSON.parse(words.hosts || "{}"); // of self-hosted readers
  let memory = ""; // the reader chosen last, and its host
  try { memory = localStorage.reader || ""; } catch {} // forbidden
  const choose = (text) => {
    memory = text;
    try { localStorage.reader = text; } catch {}
  };

  const live = make("p", { className: "hidden", ariaLive: "polite" });
  document.body.append(live);
  for (const button of all(".copy")) {
    const label = button.textContent, field = button.previousElementSibling;
    button.hidden = false;
    field.onfocus = () => field.select();
    button.onclick = async () => {
      try { await navigator.clipboard.writeText(field.value); } catch { // no HTTPS
        field.select();
        if (!document.execCommand("copy")) return;
      }
      button.textContent = live.textContent = words.copied;
      setTimeout(() => { button.textContent = label; live.textContent = ""; }, 3000);
    };
  }

  const putFirst = (list, feed) => {
    const [name, host] = memory.split("\n");
    let link = all("a", list).find((link) => link.dataset.reader === name);
    const pattern = host && hosts[name];
    if (!link && pattern) {
      link = make("a", { textContent: name, rel: "noopener noreferrer" });
      link.dataset.reader = name;
      list.append(make("li", {}, link));
    }
    if (!link) return;
    if (pattern) link.href = host + pattern.replace("{e}", encodeURIComponent(feed));
    link.style.fontWeight = "bold";
    list.prepend(link.parentElement);
    return link;
  };
  for (const list of all(".readers")) {
    const feed = list.parentElement.querySelector("input").value;
    list.addEventListener("click", ({ target }) => {
      const name = target.dataset.reader;
      if (name && memory.split("\n")[0] !== name) choose(name);
    });
    putFirst(list, feed);
    if (!words.hosts) continue;
    const reader = make("select", { ariaLabel: words.other }, ...Object.keys(hosts).map((name) => new Option(name)));
    const host = make("input", { type: "url", pattern: "https?://.+", required: true, ariaLabel: words.host, placeholder: "https://…" });
    const form = make("form", { className: "own", hidden: true }, reader, host, make("button", { textContent: words.go }));
    form.onsubmit = (event) => {
      event.preventDefault();
      choose(`${reader.value}\n${host.value.replace(/[/?#]*$/, "")}`);
      putFirst(list, feed).click();
    };
    const other = make("button", { type: "button", textContent: words.other, ariaExpanded: "false" });
    other.onclick = () => {
      form.hidden = !form.hidden;
      other.ariaExpanded = `${!form.hidden}`;
      if (!form.hidden) host.focus();
    };
    list.append(make("li", {}, other));
    list.after(form);
  }

  const ago = new Intl.RelativeTimeFormat(words.language, { numeric: "auto" });
  for (const time of all("time:not(.content *)")) {
    const minutes = Math.round((Date.parse(time.dateTime) - Date.now()) / 60000);
    if (!(minutes <= 0 && minutes > -1440)) continue;
    time.textContent = ago.format(...(minutes > -60 ? [minutes, "minute"] : [Math.round(minutes / 60), "hour"]));
  }

  for (const field of all(".filter")) {
    field.hidden = false;
    field.oninput = () => {
      const wanted = field.value.trim().toLowerCase();
      for (const item of all("li", field.parentElement)) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    };
  }
  for (const image of all(".thumb")) {
    image.onerror = image.remove;
    if (image.complete && !image.naturalWidth) image.remove();
  }
  for (const box of all(".content :is(pre, table)")) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
})();
