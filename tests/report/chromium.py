"""A headless Chromium that is spoken to over a pipe, in the DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

PROGRAM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


class Browser:
    """A page in Chromium; a context.

    Attributes
    ----------
    said : list of str
        Errors, and whatever else the page wrote to the console.
    requests : list of str
        Addresses that were asked for, the page itself and data: aside.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._buffer = b""
        self._page = ""
        self._session = ""
        self._loaded = False

    def __enter__(self) -> Self:
        assert PROGRAM is not None
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # Chromium reads from 3 and writes to 4.
        words = [
            PROGRAM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]
        words += [f"--user-data-dir={self._folder.name}", "--no-first-run", "--disable-background-networking"]
        command = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "chromium", *words, "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._to)
        os.close(self._from)
        self._folder.cleanup()

    def open(self, path: Path, *, width: int = 1280, height: int = 900, **media: str) -> None:
        """Show a page at a size, with media features such as prefers-color-scheme."""
        phone = width < 600
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1 + phone, mobile=phone
        )
        features = [
            {"name": name.replace("_", "-"), "value": value} for name, value in media.items() if name != "media"
        ]
        self._call("Emulation.setEmulatedMedia", media=media.get("media", ""), features=features)
        self._page, self._loaded = path.resolve().as_uri(), False
        self._call("Page.navigate", url=self._page)
        while not self._loaded:
            self._take(self._receive(60))

    def do(self, script: str) -> Any:
        """Run JavaScript; return what it gives."""
        done = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Take a picture of the page, or of what is to be seen of it."""
        done = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(done["data"]))

    def pdf(self, path: Path) -> None:
        """Print the page, A4."""
        done = self._call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(done["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(60)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])
            self._take(answer)

    def _receive(self, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
            assert ready, "Chromium does not answer"
            read = os.read(self._from, 1 << 20)
            assert read, "Chromium has ended"
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        kind, about = event.get("method"), event.get("params", {})
        if kind == "Page.loadEventFired":
            self._loaded = True
        elif kind == "Runtime.consoleAPICalled":
            self.said.append(f"{about['type']}: {about['args']}")
        elif kind == "Runtime.exceptionThrown":
            self.said.append(str(about["exceptionDetails"]))
        elif kind == "Log.entryAdded":
            self.said.append(f"{about['entry']['level']}: {about['entry']['text']}")
        elif kind == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if url != self._page and not url.startswith(("data:", "about:")):
                self.requests.append(url)
