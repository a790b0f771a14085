"""A DNS server on 127.0.0.1 that knows some TXT records and addresses, for tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingUDPServer

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class DnsServer:
    """``records``: texts by name without a final dot; ``addresses``: IPv4 ones by name. ``asked``: the names.

    ``broken``: it answers SERVFAIL.
    """

    address: str = ""
    records: dict[str, list[str]] = field(default_factory=dict)
    addresses: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: bool = False

    def answer(self, question: dns.message.Message) -> dns.message.Message:
        """What it says to a question."""
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.RA
        name = question.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name in self.addresses:
            if question.question[0].rdtype == dns.rdatatype.A:
                reply.answer.append(
                    dns.rrset.from_text(question.question[0].name, 60, "IN", "A", *self.addresses[name])
                )
        elif name in self.records:
            texts = [f'"{text}"' for text in self.records[name]]
            reply.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", *texts))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply


@contextmanager
def dns_server() -> Iterator[DnsServer]:
    """A server for as long as the block lasts; ``address`` as the setting directory.resolver takes it."""
    made = DnsServer()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            socket.sendto(made.answer(dns.message.from_wire(data)).to_wire(), self.client_address)

    server = ThreadingUDPServer(("127.0.0.1", 0), Handler)
    made.address = f"127.0.0.1#{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
