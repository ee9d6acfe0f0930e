import EngineIO

/// Reads the frames of a client, RFC 6455, from bytes in any portions. Sans-I/O.
///
/// A message that is there in one piece is unmasked where it lies and handed out without a copy. What is cut, by the
/// network or into fragments, is collected; then text is validated piece by piece, so that a bad byte is noticed
/// before its frame has ended.
package struct WebSocketFrameParser: ~Copyable {
    private enum State {
        /// The next bytes are a frame's header; some of it may be in `stash`.
        case header
        /// The next bytes are payload; `received` of it have come.
        case payload(WebSocketFrameHeader, received: Int)
        /// The client broke a rule; nothing is read any more.
        case failed
    }

    /// A message that is not complete.
    private struct Message {
        var kind: MessageKind
        var isCompressed: Bool
        var validator = UTF8Validator()
    }

    /// The largest message, in bytes of payload as they come.
    package var maxPayload: Int
    private let allowsCompression: Bool
    private var state = State.header
    private var message: Message?
    /// The payloads of `message` so far.
    private var assembly = ByteStore()
    /// The payload of a control frame that came in pieces; the beginning of a header that did.
    private var stash = ByteStore()
    /// A store that has been handed out, and is emptied when the next event is asked for.
    private var handedOut = HandedOut.nothing

    private enum HandedOut {
        case nothing
        case assembly
        case stash
    }

    /// - Parameters:
    ///   - maxPayload: the largest message, in bytes of payload as they come.
    ///   - allowsCompression: permessage-deflate was agreed.
    package init(maxPayload: Int, allowsCompression: Bool) {
        self.maxPayload = maxPayload
        self.allowsCompression = allowsCompression
    }

    /// Bytes of a message or a header that is not complete.
    package var heldBytes: Int { assembly.count + stash.count }

    /// The next event in `input`, which is shortened by what was read. Called until it says
    /// ``WebSocketEvent/needsMore``.
    package mutating func next(_ input: inout UnsafeMutableRawBufferPointer) -> WebSocketEvent {
        switch handedOut {
        case .nothing: break
        case .assembly: assembly.removeAll()
        case .stash: stash.removeAll()
        }
        handedOut = .nothing
        while true {
            switch state {
            case .failed:
                return .needsMore
            case .header:
                switch readHeader(&input) {
                case .incomplete: return .needsMore
                case .violation(let violation): return fail(violation)
                case .header(let header, _):
                    if let violation = check(header) { return fail(violation) }
                    if input.count >= header.length,
                        header.opcode.isControl || (header.isFinal && header.opcode != .continuation)
                    {
                        let payload = removePrefix(header.length, from: &input)
                        WebSocketMask.apply(header.key, to: payload)
                        return whole(header, payload)
                    }
                    begin(header)
                    state = .payload(header, received: 0)
                }
            case .payload(let header, let received):
                let piece = removePrefix(min(input.count, header.length - received), from: &input)
                WebSocketMask.apply(header.key, to: piece, offset: received)
                guard collect(piece, of: header) else { return fail(.invalidUTF8) }
                if received + piece.count < header.length {
                    state = .payload(header, received: received + piece.count)
                    return .needsMore
                }
                state = .header
                if let event = end(header) { return event }
            }
        }
    }

    // MARK: - Headers

    private mutating func readHeader(_ input: inout UnsafeMutableRawBufferPointer) -> WebSocketFrameHeader.Reading {
        if stash.count == 0 {
            let reading = WebSocketFrameHeader.read(UnsafeRawBufferPointer(input))
            switch reading {
            case .header(_, let size): input = UnsafeMutableRawBufferPointer(rebasing: input[size...])
            case .incomplete: stash.append(UnsafeRawBufferPointer(removePrefix(input.count, from: &input)))
            case .violation: break
            }
            return reading
        }
        // The beginning came earlier: byte by byte until it is whole.
        while true {
            let reading = WebSocketFrameHeader.read(stash.bytes)
            guard case .incomplete = reading, input.count > 0 else {
                if case .header = reading { stash.removeAll() }
                return reading
            }
            stash.append(UnsafeRawBufferPointer(removePrefix(1, from: &input)))
        }
    }

    /// The rules that concern more than one frame.
    private func check(_ header: WebSocketFrameHeader) -> WebSocketViolation? {
        guard !header.opcode.isControl else { return nil }
        if header.isCompressed, !allowsCompression || header.opcode == .continuation { return .reservedBits }
        if header.opcode == .continuation {
            guard message != nil else { return .unexpectedContinuation }
        } else {
            guard message == nil else { return .interruptedMessage }
        }
        guard header.length <= maxPayload - assembly.count else { return .tooLarge }
        return nil
    }

    // MARK: - Payloads

    private func removePrefix(_ count: Int, from input: inout UnsafeMutableRawBufferPointer)
        -> UnsafeMutableRawBufferPointer
    {
        let taken = UnsafeMutableRawBufferPointer(rebasing: input[..<count])
        input = UnsafeMutableRawBufferPointer(rebasing: input[count...])
        return taken
    }

    /// A frame that came in one piece and belongs to no message in progress.
    private mutating func whole(_ header: WebSocketFrameHeader, _ payload: UnsafeMutableRawBufferPointer)
        -> WebSocketEvent
    {
        switch header.opcode {
        case .text:
            guard header.isCompressed || UTF8Validator.isValid(UnsafeRawBufferPointer(payload)) else {
                return fail(.invalidUTF8)
            }
            return .message(.text, payload, isCompressed: header.isCompressed)
        case .binary:
            return .message(.binary, payload, isCompressed: header.isCompressed)
        case .close, .ping, .pong, .continuation:
            return control(header.opcode, UnsafeRawBufferPointer(payload))
        }
    }

    private mutating func begin(_ header: WebSocketFrameHeader) {
        switch header.opcode {
        case .text: message = Message(kind: .text, isCompressed: header.isCompressed)
        case .binary: message = Message(kind: .binary, isCompressed: header.isCompressed)
        case .continuation, .close, .ping, .pong: break
        }
    }

    private mutating func collect(_ piece: UnsafeMutableRawBufferPointer, of header: WebSocketFrameHeader) -> Bool {
        if header.opcode.isControl {
            stash.append(UnsafeRawBufferPointer(piece))
            return true
        }
        assembly.append(UnsafeRawBufferPointer(piece))
        guard message?.kind == .text, message?.isCompressed == false else { return true }
        return message!.validator.validate(UnsafeRawBufferPointer(piece))
    }

    /// The payload of a frame is complete.
    private mutating func end(_ header: WebSocketFrameHeader) -> WebSocketEvent? {
        if header.opcode.isControl {
            handedOut = .stash
            return control(header.opcode, stash.bytes)
        }
        guard header.isFinal, let message else { return nil }
        self.message = nil
        guard message.validator.isComplete else { return fail(.invalidUTF8) }
        handedOut = .assembly
        return .message(message.kind, assembly.mutableBytes, isCompressed: message.isCompressed)
    }

    private mutating func control(_ opcode: WebSocketFrameHeader.Opcode, _ payload: UnsafeRawBufferPointer)
        -> WebSocketEvent
    {
        switch opcode {
        case .ping: return .ping(payload)
        case .close:
            if payload.count >= 2 {
                guard Self.isValidCloseCode(UInt16(payload[0]) << 8 | UInt16(payload[1])) else {
                    return fail(.badCloseCode)
                }
                guard UTF8Validator.isValid(UnsafeRawBufferPointer(rebasing: payload[2...])) else {
                    return fail(.invalidUTF8)
                }
            }
            return .close(payload: payload)
        case .pong, .continuation, .text, .binary: return .pong
        }
    }

    /// The codes that may stand in a close frame (RFC 6455 section 7.4 and the IANA registry).
    static func isValidCloseCode(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    private mutating func fail(_ violation: WebSocketViolation) -> WebSocketEvent {
        state = .failed
        return .violation(violation)
    }
}

/// What a ``WebSocketFrameParser`` found. Pointers are valid until it is asked for the next.
package enum WebSocketEvent {
    /// Everything given has been read.
    case needsMore
    /// A whole message; text that is not compressed is valid UTF-8.
    case message(MessageKind, UnsafeMutableRawBufferPointer, isCompressed: Bool)
    case ping(UnsafeRawBufferPointer)
    case pong
    /// The payload is the code, if any, and the reason: valid both.
    case close(payload: UnsafeRawBufferPointer)
    case violation(WebSocketViolation)
}

/// A rule of WebSocket that the client broke; the connection ends with ``code``.
package enum WebSocketViolation: Error, Equatable {
    case reservedBits
    case reservedOpcode
    case fragmentedControlFrame
    case badControlLength
    case unmasked
    /// A continuation of nothing.
    case unexpectedContinuation
    /// A new message before the last was finished.
    case interruptedMessage
    case badCloseCode
    case invalidUTF8
    /// Compressed data that does not inflate.
    case badCompression
    case tooLarge

    /// The close code the reference answers with.
    var code: UInt16 {
        switch self {
        case .invalidUTF8, .badCompression: 1007
        case .tooLarge: 1009
        default: 1002
        }
    }
}

/// Bytes collected until they are whole; nothing is allocated while it is empty.
struct ByteStore: ~Copyable {
    private var start: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    init() {}

    deinit {
        start?.deallocate()
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
    var mutableBytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count) }

    /// Appends a copy. Room grows with what has come, never with what was announced.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if count + bytes.count > capacity {
            capacity = max(capacity * 2, count + bytes.count, 32)
            let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
            if let start {
                larger.copyMemory(from: start, byteCount: count)
                start.deallocate()
            }
            start = larger
        }
        (start! + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Empties it and frees its memory.
    mutating func removeAll() {
        start?.deallocate()
        start = nil
        capacity = 0
        count = 0
    }
}
