# Runs the fuzzing client of Autobahn|Testsuite (Python 2.7) against a CLASP router:
# fuzzingclient.py URL FOLDER CASES...
#
# Its cases wait for an echo, and a router does not echo. But it answers every WebSocket message that is no CLASP frame with
# exactly one ERROR 100, in order and in the order of the control frames, and goes on (protocol sections 1 and 5.1). So the n-th
# ERROR stands for the echo of the n-th message here, as its case expects it; everything else (pongs, failing, close codes, clean
# ends) is judged by the case itself. What an echo would show besides, that the bytes have arrived whole, is tested by
# TestConformance with CLASP frames.

import struct
import sys

from autobahntestsuite import fuzzing  # first: it chooses the reactor
from twisted.internet import reactor

HELLO = "\x01\x01\xf8" + struct.pack(">H", 8) + "autobahn" + struct.pack(">H", 0)


def clasp(payload):
    return "\x53\x01" + struct.pack(">H", len(payload)) + payload


Fuzzing = fuzzing.FuzzingClientProtocol


class Client(Fuzzing):
    def onOpen(self):
        # The session opens before the case begins: WELCOME and one SNAPSHOT come first.
        self.greetings = 2
        self.sendFrame(opcode=2, payload=clasp(HELLO))

    def onMessage(self, message, binary):
        if self.greetings > 0:
            self.greetings -= 1
            if self.greetings == 0:
                self.txFrameStats.clear()
                Fuzzing.onOpen(self)
            return
        if binary and message[:2] == "\x53\x01" and message[4:7] == "\x51\x00\x64" and self.runCase:
            message, binary = self.echo(message, binary)
        Fuzzing.onMessage(self, message, binary)

    def echo(self, message, binary):
        """Returns the message that the case waits for now."""
        case = self.runCase
        got = [e for e in case.received if e[0] == "message"]
        for outcome in case.expected.values():
            wanted = [e for e in outcome if e[0] == "message"]
            if len(wanted) > len(got):
                return wanted[len(got)][1:]
        # The cases about size and speed (group 9) say what they wait for in another way. They look at its length only.
        length = getattr(case, "DATALEN", getattr(case, "LEN", None))
        if length is not None:
            return "*" * length, 2 in self.txFrameStats
        return message, binary


fuzzing.FuzzingClientProtocol = Client  # which its factory makes


def main(url, folder, cases):
    spec = {
        "outdir": folder,
        "servers": [{"agent": "clasp", "url": url}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    fuzzing.startClient(spec)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
