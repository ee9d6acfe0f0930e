import Glibc

/// Parses the HTTP/1.1 and 1.0 requests of one connection from bytes in portions of any size. Sans-I/O.
///
/// NIO's decoder is general: it calls back for every part of a head, creates two strings per header, and is a handler
/// of its own in the pipeline. It took a seventh of the time of a polling message, and of the memory of a connection.
struct HTTPRequestParser: ~Copyable {
    enum Event {
        /// All input has been read.
        case needsMore
        case head(HTTPRequestHead)
        /// A part of the body. Valid until the next call of ``next(_:)``.
        case body(UnsafeRawBufferPointer)
        /// The request is complete.
        case end
        case violation(HTTPViolation)
    }

    private enum State {
        case head
        /// The body has an announced length; the value is the number of bytes still to come.
        case body(Int)
        case chunkSize
        case chunk(Int)
        /// The CR LF behind a chunk is expected.
        case chunkEnd
        case trailers
        /// The input was malformed; everything else is dropped.
        case failed
    }

    /// The limit for a chunk's first line: its size and its extensions, which are ignored; bytes.
    private static let longestChunkLine = 256

    private let limits: HTTPRequestHead.Limits
    private var state = State.head
    /// An incomplete head or line.
    private var stash = ByteStore()
    /// Size of the trailers so far; bytes.
    private var trailerBytes = 0

    init(limits: HTTPRequestHead.Limits) {
        self.limits = limits
    }

    /// Bytes of an incomplete head or line.
    var heldBytes: Int { stash.count }

    /// Reads the next event from `input`, and removes the bytes read.
    mutating func next(_ input: inout UnsafeRawBufferPointer) -> Event {
        do throws(HTTPViolation) {
            return try read(&input)
        } catch {
            state = .failed
            stash.removeAll()
            return .violation(error)
        }
    }

    private mutating func read(_ input: inout UnsafeRawBufferPointer) throws(HTTPViolation) -> Event {
        while true {
            switch state {
            case .head:
                guard let head = try readHead(&input) else { return .needsMore }
                switch head.framing {
                case .length(let count): state = .body(count)
                case .chunked: state = .chunkSize
                }
                return .head(head)
            case .body(0):
                state = .head
                return .end
            case .body(let left):
                guard let part = Self.removePrefix(left, from: &input) else { return .needsMore }
                state = .body(left - part.count)
                return .body(part)
            case .chunkSize:
                guard let size = try readLine(&input, limit: Self.longestChunkLine, Self.chunkSize) else {
                    return .needsMore
                }
                state = size == 0 ? .trailers : .chunk(size)
                trailerBytes = 0
            case .chunk(0):
                state = .chunkEnd
            case .chunk(let left):
                guard let part = Self.removePrefix(left, from: &input) else { return .needsMore }
                state = .chunk(left - part.count)
                return .body(part)
            case .chunkEnd:
                guard let isEmpty = try readLine(&input, limit: 0, { $0.isEmpty }) else { return .needsMore }
                guard isEmpty else { throw .malformed }
                state = .chunkSize
            case .trailers:
                guard let count = try readLine(&input, limit: max(0, limits.bytes - trailerBytes), Self.trailer) else {
                    return .needsMore
                }
                trailerBytes += count
                guard count == 0 else { continue }
                state = .head
                return .end
            case .failed:
                input = UnsafeRawBufferPointer(rebasing: input[input.endIndex...])
                return .needsMore
            }
        }
    }

    private static func removePrefix(_ count: Int, from input: inout UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?
    {
        guard !input.isEmpty else { return nil }
        let part = UnsafeRawBufferPointer(rebasing: input.prefix(count))
        input = UnsafeRawBufferPointer(rebasing: input.dropFirst(count))
        return part
    }

    // MARK: - Heads

    private mutating func readHead(_ input: inout UnsafeRawBufferPointer) throws(HTTPViolation) -> HTTPRequestHead? {
        // Empty lines before a request are skipped (RFC 9112 section 2.2). A CR as the first byte can only be such a
        // line.
        if stash.count == 1, stash.bytes[0] == 0x0D, let first = input.first {
            guard first == 0x0A else { throw .malformed }
            input = UnsafeRawBufferPointer(rebasing: input[1...])
            stash.removeAll()
        }
        if stash.count == 0 {
            while input.count >= 2, input[0] == 0x0D, input[1] == 0x0A {
                input = UnsafeRawBufferPointer(rebasing: input[2...])
            }
            if let end = try Self.endOfHead(input, from: 0) {
                defer { input = UnsafeRawBufferPointer(rebasing: input[end...]) }
                return try HTTPRequestHead.parse(UnsafeRawBufferPointer(rebasing: input[..<end]), limits)
            }
        }
        guard !input.isEmpty else { return nil }
        let before = stash.count
        stash.append(input)
        guard let end = try Self.endOfHead(stash.bytes, from: before) else {
            input = UnsafeRawBufferPointer(rebasing: input[input.endIndex...])
            try checkBeginning()
            return nil
        }
        input = UnsafeRawBufferPointer(rebasing: input[(end - before)...])
        defer { stash.removeAll() }
        return try HTTPRequestHead.parse(UnsafeRawBufferPointer(rebasing: stash.bytes[..<end]), limits)
    }

    /// The offset behind the head, which ends with its first empty line; nil if the head is incomplete. Bytes before
    /// `start` have been searched already, but may contain the CR LF before that line.
    private static func endOfHead(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(HTTPViolation) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var position = start
        while position < bytes.count, let found = memchr(base + position, 0x0A, bytes.count - position) {
            let feed = UnsafeRawPointer(found) - base
            guard feed >= 1, bytes[feed - 1] == 0x0D else { throw .malformed }
            if feed >= 3, bytes[feed - 2] == 0x0A { return feed + 1 }
            position = feed + 1
        }
        return nil
    }

    /// Refuses an incomplete head that cannot become a valid one, instead of waiting for the rest.
    private func checkBeginning() throws(HTTPViolation) {
        guard stash.count <= limits.bytes * 2 else { throw .tooLarge }
        let bytes = stash.bytes
        let isEmptyLine = bytes.count == 1 && bytes[0] == 0x0D
        guard isEmptyLine || HTTPRequestHead.isMethod(UnsafeRawBufferPointer(rebasing: bytes.prefix { $0 != 0x20 }))
        else { throw .malformed }
    }

    // MARK: - Lines

    /// Reads a line and passes it, without its CR LF, to `body`; nil if the line is incomplete.
    private mutating func readLine<Result>(
        _ input: inout UnsafeRawBufferPointer, limit: Int,
        _ body: (UnsafeRawBufferPointer) throws(HTTPViolation) -> Result
    ) throws(HTTPViolation) -> Result? {
        guard let base = input.baseAddress, let found = memchr(base, 0x0A, input.count) else {
            guard stash.count + input.count <= limit + 1 else { throw .malformed }
            stash.append(input)
            input = UnsafeRawBufferPointer(rebasing: input[input.endIndex...])
            return nil
        }
        let feed = UnsafeRawPointer(found) - base
        let piece = UnsafeRawBufferPointer(rebasing: input[...feed])
        input = UnsafeRawBufferPointer(rebasing: input[(feed + 1)...])
        defer { stash.removeAll() }
        if stash.count > 0 { stash.append(piece) }
        let line = stash.count > 0 ? stash.bytes : piece
        guard (2...limit + 2).contains(line.count), line[line.count - 2] == 0x0D else { throw .malformed }
        return try body(UnsafeRawBufferPointer(rebasing: line.dropLast(2)))
    }

    /// The chunk size in a chunk's first line. Extensions behind it are checked and ignored.
    private static func chunkSize(_ line: UnsafeRawBufferPointer) throws(HTTPViolation) -> Int {
        var size = 0
        var digits = 0
        for byte in line {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default:
                let extended = line[digits...]
                guard digits > 0, byte == 0x3B, extended.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                    throw .malformed
                }
                return size
            }
            digits += 1
            // 15 digits at most, so that the value cannot overflow.
            guard digits <= 15 else { throw .malformed }
            size = size << 4 | Int(digit)
        }
        guard digits > 0 else { throw .malformed }
        return size
    }

    /// Checks the syntax of a trailer, which is then dropped.
    /// - Returns: its length with CR LF; 0 for the empty line that ends the request.
    private static func trailer(_ line: UnsafeRawBufferPointer) throws(HTTPViolation) -> Int {
        guard !line.isEmpty else { return 0 }
        _ = try HTTPRequestHead.readField(line)
        return line.count + 2
    }
}

/// Why a request is refused as invalid.
enum HTTPViolation: Error, Equatable {
    /// 400.
    case malformed
    /// 431: the request line, the header fields or their number are over a limit.
    case tooLarge
}
