"""A server with OpenAI's /audio/transcriptions on loopback; it answers as it is told to and notes what it was sent."""

from __future__ import annotations

import io
import json
import threading
import time
import wave
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def transcript(text: str, seconds: float, language: str = "english", **segment: float) -> dict:
    """A reply in "verbose_json": one segment, its words evenly timed."""
    words = text.split()
    share = seconds / max(1, len(words))
    timed = [{"word": word.strip(".,?!"), "start": i * share, "end": (i + 1) * share} for i, word in enumerate(words)]
    whole = {"id": 0, "start": 0.0, "end": seconds, "text": f" {text}", "avg_logprob": -0.1, "no_speech_prob": 0.01}
    return {"task": "transcribe", "language": language, "duration": seconds, "text": text, "words": timed,
            "segments": [{**whole, **segment}]}  # fmt: skip


class TranscriptionServer:
    """Answers one request after another with `answers`, the last of them for ever.

    An answer is a reply's JSON value, its text, a status (with Retry-After, as (429, "1")), "hang" or "reset".
    """

    def __init__(self, *answers: object) -> None:
        self.answers, self.requests = list(answers), []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                server.answer(self, server.note(self, body))

            def log_message(self, *arguments: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> TranscriptionServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *trouble: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def note(self, handler: BaseHTTPRequestHandler, body: bytes) -> object:
        """Read a request as a server does, and take the next answer."""
        head = f"content-type: {handler.headers['content-type']}\r\n\r\n".encode()
        form: dict[str, list] = {}
        sound = None
        for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
            name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
            if name == "file":
                with wave.open(io.BytesIO(content)) as file:
                    sound = {"seconds": file.getnframes() / file.getframerate(), "rate": file.getframerate()}
            else:
                form.setdefault(name, []).append(content.decode())
        with self._lock:
            self.requests.append(
                {"path": handler.path, "form": form, "sound": sound, "key": handler.headers.get("authorization")}
            )
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def answer(self, handler: BaseHTTPRequestHandler, answer: object) -> None:
        """Send an answer, or none."""
        if answer == "hang":
            time.sleep(30)
        if answer in ("hang", "reset"):
            handler.close_connection = True
            handler.connection.close()
            return
        status, wait = (
            answer if isinstance(answer, tuple) else (answer, None) if isinstance(answer, int) else (200, None)
        )
        text = answer if isinstance(answer, str) else json.dumps(answer if status == 200 else {"error": "told to fail"})
        data = text.encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        if wait is not None:
            handler.send_header("retry-after", wait)
        handler.end_headers()
        handler.wfile.write(data)
