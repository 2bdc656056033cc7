"""A server that speaks as much of W&B's protocol as its client and its agent need, and keeps what it is told."""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kantor.tracking.weights_and_biases import SLOTS


@dataclass
class Run:
    """What the server has of a run.

    Attributes:
        about: what it was made with, and changed to.
        lines: of its history.
        summary: the last.
        files: contents of those that were uploaded, by name.
        artefacts: by the digest of their files, with their types.
        exit_code: None while it is not over.
    """

    about: dict = field(default_factory=dict)
    lines: list[dict] = field(default_factory=list)
    summary: dict = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    artefacts: dict[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def rows(self) -> list[dict]:
        """The history by steps of the run, without W&B's clocks; pictures by their names."""
        return [{"_step": line["_step"] / SLOTS} | {name: value for name, value in line.items() if name[0] != "_"}
                for line in self.lines]  # fmt: skip

    def shown(self, name: str) -> list[int]:
        """images_seen of the pictures of a name, in the order in which they came."""
        return [row["images_seen"] for row in self.rows if name in row]


class Server(ThreadingHTTPServer):
    """Attributes:
    runs: by id.
    trials: of a sweep: values by run id, given to agents one after the other.
    command: of the sweep.
    silent: cleared, nobody gets an answer until it is set again.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.runs: dict[str, Run] = {}
        self.trials: dict[str, dict] = {}
        self.command: list[str] = []
        self.speaks = threading.Event()
        self.speaks.set()

    def answer(self, operation: str, given: dict) -> dict:
        """To a question in GraphQL."""
        match operation:
            case "Viewer":
                return {"viewer": {"id": "v", "entity": "lab", "username": "me", "flags": "{}", "teams": {"edges": []}}}
            case "RunResumeStatus":
                run = self.runs.get(given["name"])
                bucket = None if run is None else self.bucket(given["name"], run)
                return {"model": {"id": "p", "name": "gans", "entity": {"id": "e", "name": "lab"}, "bucket": bucket}}
            case "UpsertBucket":
                inserted = given["name"] not in self.runs
                run = self.runs.setdefault(given["name"], Run())
                run.about |= {key: value for key, value in given.items() if value is not None}
                return {"upsertBucket": {"bucket": self.bucket(given["name"], run), "inserted": inserted}}
            case "CreateRunFiles":
                files = [
                    {"name": name, "uploadUrl": f"{self.url}/put/{given['run']}/{name}"} for name in given["files"]
                ]
                return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}
            case "ArtifactType":
                return {"project": None}
            case "CreateArtifact":
                told = given["input"]
                self.runs[told["runName"]].artefacts[told["digest"]] = told["artifactTypeName"]
                made = {"id": "a", "state": "COMMITTED", "artifactSequence": {"latestArtifact": {"id": "a"}}}
                return {"createArtifact": {"artifact": made}}
            case "SweepWithRuns":
                sweep = {"id": "s", "name": given["sweep"], "method": "random", "state": "RUNNING", "description": None,
                         "config": json.dumps({"command": self.command, "method": "random"}), "createdAt": None,
                         "heartbeatAt": None, "updatedAt": None, "earlyStopJobRunning": False, "bestLoss": None,
                         "controller": None, "scheduler": None, "runs": {"edges": []}}  # fmt: skip
                return {"project": {"sweep": sweep}}
            case "CreateAgent":
                return {"createAgent": {"agent": {"id": "agent"}}}
            case "Heartbeat":
                commands: list[dict] = []
                if not json.loads(given["runState"]):
                    commands = [{"type": "exit"}]
                    for run_id in list(self.trials)[:1]:
                        values = {key: {"value": value} for key, value in self.trials.pop(run_id).items()}
                        commands = [{"type": "run", "run_id": run_id, "program": "none.py", "args": values}]
                return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}
        return {}

    def bucket(self, name: str, run: Run) -> dict:
        """A run, as its client is told of it."""
        tail = json.dumps([json.dumps({"_step": max((line["_step"] for line in run.lines), default=0)})])
        return {
            "id": name, "name": name, "displayName": run.about.get("displayName", name), "config": "{}", "tags": [],
            "project": {"id": "p", "name": run.about["project"], "entity": {"id": "e", "name": "lab"}},
            "historyLineCount": len(run.lines), "eventsLineCount": 0, "logLineCount": 0, "sweepName": None,
            "historyTail": tail, "eventsTail": "[]", "summaryMetrics": json.dumps(run.summary),
            "wandbConfig": json.dumps({"t": 1}), "stopped": False,
        }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self.say({})

    def do_PUT(self) -> None:
        _, _, run, name = self.path.split("/", 3)
        self.server.runs[run].files[name] = self.body()
        self.say({})

    def do_POST(self) -> None:
        body = self.body()
        if self.path == "/graphql":
            said = json.loads(body)
            operation = re.search(r"(?:query|mutation)\s+(\w+)", said["query"])
            assert operation is not None
            self.say({"data": self.server.answer(operation[1], said.get("variables") or {})})
        elif self.path.startswith("/files/"):
            self.file_stream(self.server.runs[self.path.split("/")[4]], json.loads(body))
            self.say({"limits": {}})
        else:
            self.say({})

    def file_stream(self, run: Run, said: dict) -> None:
        """History, summary and end."""
        for name, part in (said.get("files") or {}).items():
            if name == "wandb-history.jsonl":
                run.lines[part["offset"] :] = [json.loads(line) for line in part["content"]]
            elif name == "wandb-summary.json":
                run.summary = json.loads(part["content"][-1])
        if said.get("complete"):
            run.exit_code = said.get("exitcode")

    def body(self) -> bytes:
        self.server.speaks.wait()
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def say(self, answer: dict) -> None:
        self.server.speaks.wait()
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """For as long as the block lasts."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.speaks.set()
        server.shutdown()
        server.server_close()
        thread.join()
