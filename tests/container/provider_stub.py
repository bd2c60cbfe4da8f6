"""A provider on loopback that refuses every request and notes the login it saw: `python provider_stub.py PORT FILE`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REFUSAL = {"type": "error", "error": {"type": "authentication_error", "message": "invalid bearer token"}}


class Refusing(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        seen = {name: self.headers.get(name) for name in ("authorization", "x-api-key")}
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps(seen) + "\n")
        body = json.dumps(REFUSAL).encode()
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.do_POST()

    def log_message(self, *words):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Refusing).serve_forever()
