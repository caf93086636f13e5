"""The process behind `Isolation`: for each work that comes in it forks one that does it, within time and memory.

What a client sends may take any time and any memory to read, inside libraries that nothing but the end of a process can
stop. Forking is safe here, where there is one thread, and takes a few milliseconds.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import struct
import sys
import tempfile
import traceback
from importlib import import_module
from typing import Any, BinaryIO, NoReturn

from tidegate.errors import TidegateError
from tidegate.serving.responses import Refusal

HEAD = struct.Struct(">Q")
DONE, REFUSED, FAULT, TIME, MEMORY = range(5)
_NO_MEMORY = 90  # exit status


def main() -> None:
    """Serve standard input; arguments: bytes that a work may take, seconds likewise, its folder, modules to import."""
    memory, seconds, tempfile.tempdir = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    for name in sys.argv[4:]:
        import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _send(sink, (DONE, None))
    while (head := source.read(HEAD.size)) and len(head) == HEAD.size:
        work = source.read(HEAD.unpack(head)[0])
        child = os.fork()
        if child == 0:
            _work(work, sink, memory, seconds)
        del work
        status = os.waitpid(child, 0)[1]
        if status:
            for name in os.listdir(tempfile.tempdir):
                os.unlink(os.path.join(tempfile.tempdir, name))
            _send(sink, (TIME if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else MEMORY, None))


def _work(work: bytes, sink: BinaryIO, memory: int, seconds: float) -> NoReturn:
    """Do one work in the forked process, which ends with it."""
    signal.setitimer(signal.ITIMER_REAL, seconds)  # its signal ends the process, also inside a library
    try:
        limit = _size() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        answer = pickle.dumps(_answer(work))
        signal.setitimer(signal.ITIMER_REAL, 0)
        sink.write(HEAD.pack(len(answer)) + answer)
        sink.flush()
    except MemoryError:
        os._exit(_NO_MEMORY)
    os._exit(0)


def _answer(work: bytes) -> tuple[int, Any]:
    try:
        function, arguments = pickle.loads(work)
        return DONE, function(*arguments)
    except MemoryError:
        raise
    except Refusal as refusal:
        return REFUSED, (refusal.status, refusal.sentence, refusal.retry_after)
    except TidegateError as error:
        return REFUSED, (422, str(error), None)
    except Exception:
        return FAULT, traceback.format_exc()


def _send(sink: BinaryIO, answer: tuple[int, Any]) -> None:
    content = pickle.dumps(answer)
    sink.write(HEAD.pack(len(content)) + content)
    sink.flush()


def _size() -> int:
    """Bytes of address space in use; where the system does not tell, nothing."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
