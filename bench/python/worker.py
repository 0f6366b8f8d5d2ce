"""The process of one library (`libraries.Worker`): reads requests, writes answers, JSON lines."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    workload: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if isinstance(request, dict):
                workload = prepare(**request)
                answer: Any = {}
            else:
                answer = getattr(workload, request)()
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def prepare(library: str, workload: str, options: dict[str, Any]) -> Any:
    from workloads import WORKLOADS

    if library == "addax":
        import addax as keras
    else:
        import keras
    prepared = WORKLOADS[workload](keras, **options)
    prepared.warm_up()
    return prepared


if __name__ == "__main__":
    main()
