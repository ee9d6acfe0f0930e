import EngineIO
import FuzzSupport

@testable import Transport

/// Rules for the frame parser: for any bytes, the result does not depend on how the network splits them.
enum FrameRules {
    private static let maxPayload = 1_000

    /// A copy of one result of the parser.
    private enum Event: Equatable {
        case message(MessageKind, [UInt8], isCompressed: Bool)
        case ping([UInt8])
        case pong
        case close([UInt8])
        case violation(WebSocketViolation)
    }

    static func check(_ stream: [UInt8], seed: UInt8) {
        for allowsCompression in [false, true] {
            let whole = events(of: stream, allowsCompression: allowsCompression) { _ in stream.count }
            let bytewise = events(of: stream, allowsCompression: allowsCompression) { _ in 1 }
            require(whole == bytewise, "reading byte by byte has the same result: \(whole) and \(bytewise)")
            var state = UInt32(seed) | 1
            let cut = events(of: stream, allowsCompression: allowsCompression) { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return Int(state >> 24) % 23 + 1
            }
            require(whole == cut, "reading in pieces has the same result: \(whole) and \(cut)")
            for event in whole { check(event) }
        }
    }

    private static func check(_ event: Event) {
        switch event {
        case .message(let kind, let bytes, let isCompressed):
            require(bytes.count <= maxPayload, "a message is bounded")
            require(kind == .binary || isCompressed || String(validating: bytes, as: UTF8.self) != nil, "text is UTF-8")
        case .ping(let bytes): require(bytes.count <= 125, "a control frame is short")
        case .close(let bytes): require(bytes.count != 1 && bytes.count <= 125, "a close frame has a code, or nothing")
        case .pong, .violation: break
        }
    }

    private static func events(of stream: [UInt8], allowsCompression: Bool, _ size: (Int) -> Int) -> [Event] {
        var parser = WebSocketFrameParser(maxPayload: maxPayload, allowsCompression: allowsCompression)
        var events: [Event] = []
        var at = 0
        while at < stream.count {
            let end = min(stream.count, at + size(at))
            withExactCopy(of: stream[at..<end]) { piece in
                var input = piece
                while !isOver(events.last), let event = next(&parser, &input) { events.append(event) }
                require(input.isEmpty || isOver(events.last), "a parser reads all it is given")
            }
            // Bytes after a close frame or a violation are not read.
            if isOver(events.last) { break }
            at = end
        }
        return events
    }

    private static func isOver(_ event: Event?) -> Bool {
        switch event {
        case .violation, .close: true
        default: false
        }
    }

    private static func next(_ parser: inout WebSocketFrameParser, _ input: inout UnsafeMutableRawBufferPointer)
        -> Event?
    {
        switch parser.next(&input) {
        case .needsMore: nil
        case .message(let kind, let bytes, let isCompressed): .message(kind, Array(bytes), isCompressed: isCompressed)
        case .ping(let bytes): .ping(Array(bytes))
        case .pong: .pong
        case .close(let bytes): .close(Array(bytes))
        case .violation(let violation): .violation(violation)
        }
    }
}
