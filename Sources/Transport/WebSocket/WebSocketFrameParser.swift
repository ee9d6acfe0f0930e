import EngineIO

/// Parses the frames of a client (RFC 6455) from bytes in portions of any size. Sans-I/O.
///
/// A message that arrives in one piece is unmasked in place and returned without a copy. Messages that arrive in pieces
/// or fragments are collected; their text is validated piece by piece, so that an invalid byte is found before the
/// frame ends.
package struct WebSocketFrameParser: ~Copyable {
    private enum State {
        /// A frame header comes next; its beginning may be in `stash`.
        case header
        /// Payload comes next; `received` bytes of it have been read.
        case payload(WebSocketFrameHeader, received: Int)
        /// The client violated the protocol; nothing more is read.
        case failed
    }

    /// A message that is not complete yet.
    private struct Message {
        var kind: MessageKind
        var isCompressed: Bool
        var validator = UTF8Validator()
    }

    /// The largest message, in bytes of payload as received (before inflating).
    package var maxPayload: Int
    private let allowsCompression: Bool
    private var state = State.header
    private var message: Message?
    /// The payload of `message` so far.
    private var assembly = ByteStore()
    /// The incomplete payload of a control frame, or an incomplete header.
    private var stash = ByteStore()
    /// The store that the last event points into; it is emptied by the next call of ``next(_:)``.
    private var handedOut = HandedOut.nothing

    private enum HandedOut {
        case nothing
        case assembly
        case stash
    }

    /// - Parameters:
    ///   - maxPayload: the largest message, in bytes of payload as received (before inflating).
    ///   - allowsCompression: permessage-deflate was agreed on.
    package init(maxPayload: Int, allowsCompression: Bool) {
        self.maxPayload = maxPayload
        self.allowsCompression = allowsCompression
    }

    /// Bytes of an incomplete message or header.
    package var heldBytes: Int { assembly.count + stash.count }

    /// Reads the next event from `input`, and removes the bytes read. Call it until it returns
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
        // Part of the header came earlier: add bytes one by one until it is complete.
        while true {
            let reading = WebSocketFrameHeader.read(stash.bytes)
            guard case .incomplete = reading, input.count > 0 else {
                if case .header = reading { stash.removeAll() }
                return reading
            }
            stash.append(UnsafeRawBufferPointer(removePrefix(1, from: &input)))
        }
    }

    /// Checks the rules that involve more than one frame.
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

    /// A frame that came in one piece and is no fragment of a message.
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

    /// Called when the payload of a frame is complete.
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

    /// Whether a close frame may contain this code (RFC 6455 section 7.4 and the IANA registry).
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

/// An event that ``WebSocketFrameParser`` found. Pointers are valid until the next call of
/// ``WebSocketFrameParser/next(_:)``.
package enum WebSocketEvent {
    /// All input has been read.
    case needsMore
    /// A complete message. Uncompressed text is valid UTF-8.
    case message(MessageKind, UnsafeMutableRawBufferPointer, isCompressed: Bool)
    case ping(UnsafeRawBufferPointer)
    case pong
    /// The payload is empty, or the code and the reason; the code is allowed and the reason is valid UTF-8.
    case close(payload: UnsafeRawBufferPointer)
    case violation(WebSocketViolation)
}

/// A violation of the WebSocket protocol; the connection is closed with ``code``.
package enum WebSocketViolation: Error, Equatable {
    case reservedBits
    case reservedOpcode
    case fragmentedControlFrame
    case badControlLength
    case unmasked
    /// A continuation without a started message.
    case unexpectedContinuation
    /// A new message before the last one was complete.
    case interruptedMessage
    case badCloseCode
    case invalidUTF8
    /// Compressed data that cannot be inflated.
    case badCompression
    case tooLarge

    /// The close code, as in the reference.
    var code: UInt16 {
        switch self {
        case .invalidUTF8, .badCompression: 1007
        case .tooLarge: 1009
        default: 1002
        }
    }
}

/// A growing buffer for bytes that are not complete yet. Holds no memory while it is empty.
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

    /// Appends a copy. Capacity follows the received bytes, never an announced length.
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

    /// Removes all bytes and frees the memory.
    mutating func removeAll() {
        start?.deallocate()
        start = nil
        capacity = 0
        count = 0
    }
}
