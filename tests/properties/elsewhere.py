"""Plays scenarios that come in, and writes their histories; run in a process of its own."""

from __future__ import annotations

import json
import pickle
import sys

from inngest_testkit import Engine


def play(functions, script, outcomes, seed):
    engine = Engine(seed=seed)
    engine.register(*functions)
    outcomes.apply(engine)
    for delay, event in script:
        engine.advance(delay)
        engine.send(event)
    while engine.next_due is not None:
        engine.advance(engine.next_due - engine.now)
    return json.dumps([entry.to_dict() for entry in engine.history], ensure_ascii=False).encode()


def main():
    while True:
        try:
            functions, script, outcomes, seed = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer = play(functions, script, outcomes, seed) if functions else hash(seed)
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
