"""Data sets of local files: built as a configuration builds them, and served, so that downloads are tested too."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kantor.config.compose import load_option
from kantor.config.targets import instantiate


def configured(name: str, root: Path | str | None = None, **changed: object) -> Any:
    """The data set that conf/data/NAME.yaml makes, of the files in `root` where it has any."""
    place = {} if root is None else {"root": str(root)}
    return instantiate({**load_option("data", name), **place, **changed}, key="data", seed=0)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[str]:
    """The address, with a slash at its end, under which the files of a directory are served."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
