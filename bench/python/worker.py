"""The process of one library (`processes.Worker`): makes one object and calls its methods, as
requested in JSON lines on the standard input; answers in JSON lines.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    made: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "cores" in request:
                # Before any library counts them.
                os.sched_setaffinity(0, request["cores"])
                answer: Any = None
            elif "make" in request:
                module, name = request["make"].split(":")
                made = getattr(importlib.import_module(module), name)(**request["arguments"])
                answer = None
            else:
                answer = getattr(made, request["call"])(**request["arguments"])
            reply = {"answer": answer}
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            reply = {"error": reason, "traceback": traceback.format_exc()}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
