"""Wait until a site answers by each server: ready.py NAME PATH PORT..."""

import sys
import time
import urllib.request

name, path, *ports = sys.argv[1:]
deadline = time.monotonic() + 60
for port in ports:
    while True:
        try:
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": name}),
                timeout=5,
            )
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
