#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// RFC 9112, and no more than that: what it lets a server be lenient about (bare line feeds, folded headers, blanks before the colon, lengths said
/// twice or in two ways) is refused, because a proxy in front may read it in the other way, which is how requests are smuggled.
extension HTTPRequestHead {
    /// What a head may be.
    struct Limits {
        /// Of the request line, and of the sum of all fields.
        var bytes: Int
        var fields: Int
    }

    /// The longest method there is: `VERSION-CONTROL`, `BASELINE-CONTROL`.
    static let longestMethod = 20

    /// - Parameter bytes: a whole head, from its method to its empty line, in which no LF is without a CR before it.
    static func parse(_ bytes: UnsafeRawBufferPointer, _ limits: Limits) throws(HTTPViolation) -> HTTPRequestHead {
        let lineEnd = try endOfLine(bytes, from: 0)
        guard lineEnd <= limits.bytes, bytes.count - lineEnd <= limits.bytes + 4 else { throw .tooLarge }
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<lineEnd])
        // method SP target SP HTTP/1.x
        guard let space = line.firstIndex(of: 0x20), isMethod(line[..<space]), line.count >= space + 1 + 1 + 9 else { throw .malformed }
        let version = line[(line.count - 9)...]
        let target = line[(space + 1)..<(line.count - 9)]
        guard version.dropLast().elementsEqual(" HTTP/1.".utf8), let minor = version.last, minor == 0x30 || minor == 0x31,
            target.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { throw .malformed }

        var reader = FieldReader(limit: limits.fields, isOld: minor == 0x30)
        var failure: HTTPViolation?
        // A field that had no blank behind its colon gets one: so many bytes more at most.
        let text = [UInt8](unsafeUninitializedCapacity: bytes.count + limits.fields) { buffer, initialized in
            let text = UnsafeMutableRawBufferPointer(buffer)
            text.copyMemory(from: UnsafeRawBufferPointer(rebasing: target))
            reader.count = target.count
            do throws(HTTPViolation) {
                try reader.read(UnsafeRawBufferPointer(rebasing: bytes[(lineEnd + 2)...]), into: text)
                initialized = reader.count
            } catch {
                failure = error
                initialized = 0
            }
        }
        if let failure { throw failure }
        return HTTPRequestHead(
            method: String(decoding: line[..<space], as: UTF8.self), isOld: reader.isOld, isKeptAlive: reader.isKeptAlive,
            asksForUpgrade: reader.hasUpgrade && reader.connectionUpgrades, framing: try reader.framing(), text: text, targetCount: target.count,
            fields: reader.fields)
    }

    /// Upper-case letters and hyphens; whatever else a token may contain, no method does.
    static func isMethod(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        !bytes.isEmpty && bytes.count <= longestMethod && bytes.allSatisfy { (0x41...0x5A).contains($0) || $0 == 0x2D }
    }

    /// Where the line ends that begins at `start`: at its CR.
    fileprivate static func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(HTTPViolation) -> Int {
        guard let base = bytes.baseAddress, start < bytes.count, let found = memchr(base + start, 0x0A, bytes.count - start) else { throw .malformed }
        let end = UnsafeRawPointer(found) - base - 1
        guard end >= start, bytes[end] == 0x0D else { throw .malformed }
        return end
    }

    /// Whether `bytes` are `word`, given in lower-case letters, in any case.
    fileprivate static func matches(_ bytes: some Collection<UInt8>, _ word: StaticString) -> Bool {
        bytes.count == word.utf8CodeUnitCount
            && zip(bytes, UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)).allSatisfy { $0 | 0x20 == $1 }
    }

    /// The characters of a token (RFC 9110 section 5.6.2): what the name of a field consists of.
    fileprivate static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// Reads one field line, without its CR LF: where its name ends, and what its value is.
    static func readField(_ line: UnsafeRawBufferPointer) throws(HTTPViolation) -> (nameCount: Int, value: Range<Int>) {
        var colon = 0
        while colon < line.count, isTokenCharacter(line[colon]) { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == 0x3A else { throw .malformed }
        var start = colon + 1
        var end = line.count
        while start < end, line[start] == 0x20 || line[start] == 0x09 { start += 1 }
        while start < end, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
        for index in start..<end where line[index] < 0x20 && line[index] != 0x09 || line[index] == 0x7F { throw .malformed }
        return (colon, start..<end)
    }
}

/// What the fields of a head say about the connection and the body.
private struct FieldReader {
    let limit: Int
    let isOld: Bool
    var fields: ContiguousArray<HTTPRequestHead.Field> = []
    /// Bytes written.
    var count = 0
    var hasUpgrade = false
    var connectionUpgrades = false
    private var connectionCloses = false
    private var connectionKeeps = false
    private var length: Int?
    private var isChunked = false

    init(limit: Int, isOld: Bool) {
        self.limit = limit
        self.isOld = isOld
        fields.reserveCapacity(12)
    }

    /// - Parameter bytes: the lines behind the request line, the empty one included.
    mutating func read(_ bytes: UnsafeRawBufferPointer, into text: UnsafeMutableRawBufferPointer) throws(HTTPViolation) {
        var start = 0
        while true {
            let end = try HTTPRequestHead.endOfLine(bytes, from: start)
            guard end > start else { return }
            guard fields.count < limit else { throw .tooLarge }
            let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            let (nameCount, value) = try HTTPRequestHead.readField(line)
            fields.append(.init(start: UInt32(count), nameCount: UInt32(nameCount), valueCount: UInt32(value.count)))
            append(UnsafeRawBufferPointer(rebasing: line[..<nameCount]), to: text)
            append(": ", to: text)
            append(UnsafeRawBufferPointer(rebasing: line[value]), to: text)
            append("\r\n", to: text)
            try note(UnsafeRawBufferPointer(rebasing: line[..<nameCount]), UnsafeRawBufferPointer(rebasing: line[value]))
            start = end + 2
        }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer, to text: UnsafeMutableRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: text[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    private mutating func append(_ literal: StaticString, to text: UnsafeMutableRawBufferPointer) {
        append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount), to: text)
    }

    /// Looks at the fields that concern the connection or the body.
    private mutating func note(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(HTTPViolation) {
        switch name.count {
        case 7 where HTTPRequestHead.matches(name, "upgrade"):
            hasUpgrade = true
        case 10 where HTTPRequestHead.matches(name, "connection"):
            for word in value.split(separator: 0x2C) {
                let word = word.drop { $0 == 0x20 || $0 == 0x09 }.prefix { $0 != 0x20 && $0 != 0x09 }
                if HTTPRequestHead.matches(word, "upgrade") { connectionUpgrades = true }
                if HTTPRequestHead.matches(word, "close") { connectionCloses = true }
                if HTTPRequestHead.matches(word, "keep-alive") { connectionKeeps = true }
            }
        case 14 where HTTPRequestHead.matches(name, "content-length"):
            // More digits than any body has would overflow.
            guard length == nil, (1...18).contains(value.count), value.allSatisfy({ (0x30...0x39).contains($0) }) else { throw .malformed }
            length = value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        case 17 where HTTPRequestHead.matches(name, "transfer-encoding"):
            guard !isChunked, !isOld, HTTPRequestHead.matches(value, "chunked") else { throw .malformed }
            isChunked = true
        default:
            break
        }
    }

    var isKeptAlive: Bool { isOld ? connectionKeeps && !connectionCloses : !connectionCloses }

    func framing() throws(HTTPViolation) -> HTTPRequestHead.Framing {
        guard isChunked else { return .length(length ?? 0) }
        guard length == nil else { throw .malformed }
        return .chunked
    }
}
