import FuzzSupport
import Synchronization

@testable import Transport

/// Answers at once, later, or in pieces, depending on the path.
final class TestHTTPApplication: HTTPApplication, HTTPRequestReceiver {
    private struct State {
        var waiting: [HTTPResponder] = []
        var streams: [HTTPStream] = []
    }

    private let state = Mutex(State())

    func decide(_ head: HTTPRequest, through responder: HTTPResponder) -> HTTPDecision {
        .body(self, isKnown: head.path != "/stranger")
    }

    func respond(to request: HTTPRequest, through responder: HTTPResponder) {
        require(request.body.count <= 2_000, "a body is bounded")
        switch request.path {
        case "/echo": _ = responder.respond(status: 200, headers: [("X-Query", request.query)], body: request.body)
        case "/later": state.withLock { $0.waiting.append(responder) }
        case "/stream":
            if let stream = responder.stream(status: 200, fields: HTTPFields()) {
                state.withLock { $0.streams.append(stream) }
            }
        default: _ = responder.respond(status: 404, headers: [], body: [])
        }
    }

    func refuseBody(largerThan limit: Int, through responder: HTTPResponder) {
        _ = responder.respond(status: 413, headers: [], body: [])
    }

    func goOn(_ number: UInt8) {
        let (waiting, streams) = state.withLock { state in
            let taken = (state.waiting, state.streams)
            state.waiting = []
            if number & 1 == 1 { state.streams = [] }
            return taken
        }
        for responder in waiting {
            let isFirst = responder.respond(status: number & 2 == 0 ? 200 : 204, headers: [], body: Array("late".utf8))
            require(
                !responder.respond(status: 200, headers: [], body: []),
                "the second answer does not count, whatever \(isFirst) the first did")
        }
        for stream in streams {
            _ = stream.write([number])
            if number & 1 == 1 { stream.end() }
        }
    }

    func forget() {
        state.withLock { $0 = State() }
    }
}
