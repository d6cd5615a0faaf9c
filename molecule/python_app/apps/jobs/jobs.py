"""Work that a visitor does not wait for: a queue in Redis, a worker of Celery's."""

import os
import urllib.parse

import celery

queue = celery.Celery("jobs", broker=os.environ["QUEUE"], backend=os.environ["QUEUE"])


@queue.task
def shout(words):
    """Return the words in capitals, and who runs this."""
    return f"{words.upper()} of {os.environ['RELEASE_ID']}"


def application(environ, start_response):
    """POST puts words into the queue and returns a number, GET
    with it returns what became of them.
    """
    query = dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))
    if environ["REQUEST_METHOD"] == "POST":
        status, body = "202 Accepted", shout.delay(query["words"]).id
    elif "job" in query:
        job = queue.AsyncResult(query["job"])
        status, body = ("200 OK", job.result) if job.successful() else ("404 Not Found", job.status)
    else:
        status, body = "200 OK", "What is there to be done?"
    start_response(status, [("Content-Type", "text/plain")])
    return [body.encode()]
