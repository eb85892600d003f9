"""A hanging process is ended, and a child ends when its parent has died."""

import subprocess
import sys
import textwrap

import pytest

from feedsvc.serve.watchdog import STATUS

LIMIT = 60  # seconds


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_a_hanging_pass_ends_its_process_which_logs_where_it_hangs() -> None:
    ended = run(
        """
        import threading, time
        from feedsvc.serve.watchdog import Watchdog
        began = time.monotonic()
        def the_function_that_hangs():
            threading.Event().wait()
        Watchdog(lambda: time.monotonic() - began, 0.2).start()
        the_function_that_hangs()
        """
    )
    assert ended.returncode == STATUS
    assert "a pass over the articles has made no progress for 0 s" in ended.stderr
    assert ended.stderr.count("in the_function_that_hangs") == 1


def test_a_call_that_holds_the_interpreter_lock_ends_the_process() -> None:
    ended = run(
        """
        import re
        from feedsvc.serve.watchdog import Watchdog
        def the_function_that_hangs():
            re.match("(a+)+b", 60 * "a")
        Watchdog(lambda: None, 0.5).start()
        the_function_that_hangs()
        """
    )
    assert ended.returncode == 1
    assert "in the_function_that_hangs" in ended.stderr


def test_a_pass_that_makes_progress_is_left_alone() -> None:
    ended = run(
        """
        import threading
        from feedsvc.serve.watchdog import Watchdog
        asked = threading.Semaphore(0)
        answers = iter([None, 0.0, 0.5, None, 0.9])
        def quiet():
            asked.release()
            return next(answers, None)
        Watchdog(quiet, 1.0).start()
        for _ in range(10):
            asked.acquire()
        print("done")
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr


@pytest.mark.parametrize("job", ["time.sleep(3600)", "while True: pass"])
def test_a_child_at_work_ends_when_its_parent_dies(
    job: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("module")
    (folder / "busy.py").write_text(
        "import time\n"
        "from feedsvc.children import work\n"
        "def answer(job):\n"
        "    print('at work', flush=True)\n"
        f"    {job}\n"
        "def main(descriptor, output):\n"
        "    import os, sys\n"
        "    os.dup2(output, 1)\n"
        "    work(descriptor, answer, niceness=0)\n"
    )
    program = (
        f"import os, sys; sys.path.insert(0, {str(folder)!r})\n"
        f"os.environ['PYTHONPATH'] = {str(folder)!r}\n"
        "from feedsvc.children import Child\n"
        "output = os.dup(1)\n"
        "child = Child('busy', output, descriptors=(output,))\n"
        "child.connection.send('a job')\n"
        "os.close(output); os.close(1)\n"
        "sys.stdin.readline()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert parent.stdout.readline() == "at work\n"
    parent.kill()
    parent.wait(LIMIT)
    # The child alone has its end of this pipe now: it ends when the child does.
    rest, _ = parent.communicate(timeout=LIMIT)
    assert rest == ""
