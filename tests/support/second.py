"""Look for a second member that writes, and for a second cluster, to be run on a web host:
PORT ADDRESS...

The members' agents are asked five times a second until nobody listens any more. Then what was
found is said as JSON, a sentence each.
"""

import json
import sys
import threading
import urllib.request


def ask(place, path):
    """Return what an agent says, nothing if that is no."""
    try:
        with urllib.request.urlopen(f"http://{place}/{path}", timeout=1) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def look(places):
    """Yield a sentence for each thing of which there is one too many."""
    # Between two questions one may hand over to the other: who has not, says so twice.
    writers = [place for place in places if ask(place, "write")]
    if len(writers) > 1:
        writers = [place for place in reversed(writers) if ask(place, "write")]
    if len(writers) > 1:
        yield f"{' and '.join(writers)} write"
    said = [json.loads(ask(place, "state") or "null") or {} for place in places]
    clusters = {one["uuid"] for one in said if one.get("status") == "Primary"}
    if len(clusters) > 1:
        yield f"{' and '.join(clusters)} are clusters"


def main(port, *addresses):
    """Look until nobody listens."""
    places, found, ended = [f"{address}:{port}" for address in addresses], [], threading.Event()

    def looks():
        while not ended.wait(0.2):
            found.extend(look(places))

    looking = threading.Thread(target=looks)
    looking.start()
    sys.stdin.read()
    ended.set()
    looking.join()
    print(json.dumps(sorted(set(found))))


if __name__ == "__main__":
    main(*sys.argv[1:])
