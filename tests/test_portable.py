"""The program behind `make portable`: failures are told, what is not had is no pass, no process stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lacking import need_of_machine

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from portable import __main__ as program  # noqa: E402
from portable import machine, running  # noqa: E402
from portable.conditions import CONDITIONS  # noqa: E402
from portable.running import Condition, NotHad, Step, Trial  # noqa: E402


def python(code, **environment):
    return Step((sys.executable, "-c", code), environment)


def of(*steps):
    def generator(trial):
        yield from steps

    return generator


def tried(steps, tmp_path):
    condition = Condition("thing", "a machine unlike ours", steps)
    return running.run(condition, Trial(False, tmp_path / "thing"), tmp_path / "thing.log")


def test_a_condition_is_ok_when_every_step_is(tmp_path):
    result = tried(of(python("print(1)"), python("print(2)")), tmp_path)
    assert (result.outcome, result.lines) == ("ok", ())


def test_a_failed_step_is_shown_and_the_others_still_run(tmp_path):
    steps = [python("print('FAILED tests/a.py::b'); print('1 failed'); raise SystemExit(3)"), python("print('after')")]
    result = tried(of(*steps), tmp_path)
    assert result.outcome == "FAILED"
    assert result.lines[0].startswith("exit status 3: ")
    assert result.lines[1:3] == ("FAILED tests/a.py::b", "1 failed")
    assert "after" in (tmp_path / "thing.log").read_text(encoding="utf-8")


def test_a_command_that_is_not_there_fails(tmp_path):
    assert tried(of(Step(("no-such-command",))), tmp_path).outcome == "FAILED"


def test_what_cannot_be_had_is_listed_with_its_reason(tmp_path):
    def steps(trial):
        raise NotHad("no qemu")
        yield

    result = tried(steps, tmp_path)
    assert result.outcome == "not had"
    assert str(result).endswith("a machine unlike ours: no qemu")


def test_a_variable_of_none_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    steps = [python("import os; assert 'HOME' not in os.environ", HOME=None)]
    assert tried(of(*steps), tmp_path).outcome == "ok"


def test_nothing_is_left_running_after_a_failure_or_an_interruption(tmp_path):
    need_of_machine(Path("/proc").is_dir(), "/proc")
    code = (
        "import sys; from portable import __main__ as program, running; from portable.running import *\n"
        "def steps(trial):\n"
        "  with beside((sys.executable, '-c', 'import time; time.sleep(600)  # MARK'), copies=2):\n"
        "    yield Step((sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)  # MARK'))\n"
        "from pathlib import Path; program.PLACE = Path(sys.argv[1])\n"
        "sys.exit(program._run_all([Condition('slow', 'x', steps), Condition('next', 'y', steps)], quick=True))\n"
    ).replace("MARK", str(tmp_path))
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True)
    log = tmp_path / "slow.log"
    end = time.monotonic() + 60
    while not (log.exists() and "\n1\n" in log.read_text(encoding="utf-8")):
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "slow               interrupted" in said
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if f"# {tmp_path}".encode() in _read(path)]
    assert not left


def _read(path):
    try:
        return path.read_bytes()
    except OSError:  # it has just ended
        return b""


def test_names_choose_conditions_and_the_exit_status_says_whether_one_failed(tmp_path, monkeypatch, capsys):
    def passing(trial):
        yield python("pass")

    def failing(trial):
        yield python("raise SystemExit(1)")

    conditions = (
        Condition("good", "x", passing),
        Condition("bad", "y", failing),
        Condition("long", "z", failing, False),
    )
    monkeypatch.setattr(program, "CONDITIONS", conditions)
    monkeypatch.setattr(program, "PLACE", tmp_path)
    assert program.main(["good"]) == 0
    capsys.readouterr()
    assert program.main(["--quick"]) == 1
    table = capsys.readouterr().out.split("conditions in")[1].splitlines()[1:]
    assert [line.split()[:2] for line in table] == [["good", "ok"], ["bad", "FAILED"]]
    with pytest.raises(SystemExit):
        program.main(["unheard-of"])


def test_every_condition_has_one_name_and_says_what_it_imitates():
    names = [condition.name for condition in CONDITIONS]
    assert len(set(names)) == len(names)
    assert all(condition.imitates for condition in CONDITIONS)


def test_a_path_without_compilers_has_the_rest(tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (
        "gcc",
        "g++-12",
        "cc",
        "c++",
        "x86_64-linux-gnu-gcc-12",
        "clang",
        "clang++-14",
        "git",
        "make",
        "ccache-info",
    ):
        (tools / name).touch()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/no/such/folder")
    path = machine.path_without_compilers(tmp_path / "bin", tmp_path / "first")
    assert path == f"{tmp_path / 'first'}{os.pathsep}{tmp_path / 'bin'}"
    assert sorted(os.listdir(tmp_path / "bin")) == ["ccache-info", "git", "make"]
