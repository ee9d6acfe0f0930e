import Glibc

/// Strict parsing by RFC 9112. Where the RFC permits leniency (bare line feeds, folded headers, blanks before the
/// colon, several or contradicting lengths), the request is refused: a proxy in front may read it differently, which
/// allows request smuggling.
extension HTTPRequestHead {
    /// The limits of a head.
    struct Limits {
        /// Of the request line, and of the sum of all fields, each.
        var bytes: Int
        var fields: Int
    }

    /// No registered method is longer; UPDATEREDIRECTREF has 17. Bytes.
    static let longestMethod = 20

    /// - Parameter bytes: a whole head, from its method to its empty line, in which a CR precedes each LF.
    static func parse(_ bytes: UnsafeRawBufferPointer, _ limits: Limits) throws(HTTPViolation) -> HTTPRequestHead {
        let lineEnd = try endOfLine(bytes, from: 0)
        guard lineEnd <= limits.bytes, bytes.count - lineEnd <= limits.bytes + 4 else { throw .tooLarge }
        guard !HTTPSyntax.isASCII(bytes) else { return try parseText(bytes, limits) }
        // ``text`` must be UTF-8: invalid bytes become U+FFFD, once for all readers.
        var text = String(decoding: bytes, as: UTF8.self)
        return try text.withUTF8 { text in
            Result { () throws(HTTPViolation) in try parseText(UnsafeRawBufferPointer(text), limits) }
        }.get()
    }

    private static func parseText(_ bytes: UnsafeRawBufferPointer, _ limits: Limits) throws(HTTPViolation)
        -> HTTPRequestHead
    {
        let lineEnd = try endOfLine(bytes, from: 0)
        let line = bytes.part(0..<lineEnd)
        // method SP target SP HTTP/1.x
        guard let space = line.firstIndex(of: 0x20), isMethod(line.part(0..<space)), line.count >= space + 1 + 1 + 9
        else { throw .malformed }
        let version = line.part(line.count - 9..<line.count)
        let target = line.part(space + 1..<line.count - 9)
        let minor = version[8]
        guard version.part(0..<8).isEqual(to: " HTTP/1."), minor == 0x30 || minor == 0x31, HTTPSyntax.isTarget(target)
        else { throw .malformed }

        var reader = FieldReader(limit: limits.fields, isHTTP10: minor == 0x30)
        var place: HTTPTarget?
        var failure: HTTPViolation?
        // Each field without a blank behind its colon grows by one byte.
        let text = [UInt8](unsafeUninitializedCapacity: bytes.count + limits.fields) { buffer, initialized in
            let text = UnsafeMutableRawBufferPointer(buffer)
            reader.append(line.part(0..<space), to: text)
            reader.append(target, to: text)
            place = HTTPTarget(space..<reader.count, in: UnsafeRawBufferPointer(text))
            do throws(HTTPViolation) {
                try reader.read(bytes.part(lineEnd + 2..<bytes.count), into: text)
                initialized = reader.count
            } catch {
                failure = error
            }
        }
        guard let place, failure == nil else { throw failure ?? .malformed }
        return HTTPRequestHead(
            method: HTTPMethod(line.part(0..<space)), isHTTP10: reader.isHTTP10, isKeptAlive: reader.isKeptAlive,
            asksForUpgrade: reader.hasUpgrade && reader.connectionUpgrades, hasValidHost: reader.hasValidHost,
            expectsContinue: reader.expectsContinue,
            framing: try reader.framing(), text: text, target: place, fields: reader.fields)
    }

    /// Only upper-case letters and hyphens. A token may contain more, but no registered method does.
    static func isMethod(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && bytes.count <= longestMethod && bytes.allSatisfy { (0x41...0x5A).contains($0) || $0 == 0x2D }
    }

    /// The offset of the CR of the line that begins at `start`.
    fileprivate static func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(HTTPViolation) -> Int {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, 0x0A, bytes.count - start)
        else { throw .malformed }
        let end = UnsafeRawPointer(found) - base - 1
        guard end >= start, bytes[end] == 0x0D else { throw .malformed }
        return end
    }

    /// Splits a field line, without its CR LF, into name and value.
    static func readField(_ line: UnsafeRawBufferPointer) throws(HTTPViolation) -> (nameCount: Int, value: Range<Int>) {
        var colon = 0
        while colon < line.count, HTTPSyntax.isTokenCharacter(line[colon]) { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == 0x3A else { throw .malformed }
        var start = colon + 1
        var end = line.count
        while start < end, line[start] == 0x20 || line[start] == 0x09 { start += 1 }
        while start < end, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
        guard HTTPSyntax.isFieldValue(line.part(start..<end)) else { throw .malformed }
        return (colon, start..<end)
    }
}

/// Copies the fields of a head, and collects those that concern the connection or the body.
private struct FieldReader {
    let limit: Int
    let isHTTP10: Bool
    var fields: ContiguousArray<HTTPRequestHead.Field> = []
    /// Bytes written.
    var count = 0
    var hasUpgrade = false
    var expectsContinue = false
    var connectionUpgrades = false
    private var connectionCloses = false
    private var connectionKeeps = false
    private var hosts = 0
    private var isHost = false
    private var length: Int?
    private var isChunked = false

    init(limit: Int, isHTTP10: Bool) {
        self.limit = limit
        self.isHTTP10 = isHTTP10
        fields.reserveCapacity(12)
    }

    /// - Parameter bytes: the lines behind the request line, including the empty one.
    mutating func read(_ bytes: UnsafeRawBufferPointer, into text: UnsafeMutableRawBufferPointer) throws(HTTPViolation)
    {
        var start = 0
        while true {
            let end = try HTTPRequestHead.endOfLine(bytes, from: start)
            guard end > start else { return }
            guard fields.count < limit else { throw .tooLarge }
            let line = bytes.part(start..<end)
            let (nameCount, value) = try HTTPRequestHead.readField(line)
            fields.append(.init(start: UInt32(count), nameCount: UInt32(nameCount), valueCount: UInt32(value.count)))
            let name = appendLowered(line.part(0..<nameCount), to: text)
            append(": ", to: text)
            append(line.part(value), to: text)
            append("\r\n", to: text)
            try record(name, line.part(value))
            start = end + 2
        }
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer, to text: UnsafeMutableRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: text[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    private mutating func append(_ literal: StaticString, to text: UnsafeMutableRawBufferPointer) {
        append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount), to: text)
    }

    /// - Returns: the appended bytes.
    private mutating func appendLowered(_ name: UnsafeRawBufferPointer, to text: UnsafeMutableRawBufferPointer)
        -> UnsafeRawBufferPointer
    {
        let lowered = UnsafeMutableRawBufferPointer(rebasing: text[count..<count + name.count])
        for index in name.indices { lowered[index] = name[index] | (name[index] &- 0x41 < 26 ? 0x20 : 0) }
        count += name.count
        return UnsafeRawBufferPointer(lowered)
    }

    /// Records the fields that concern the connection or the body.
    private mutating func record(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(HTTPViolation)
    {
        switch name.count {
        case 4 where name.isEqual(to: "host"):
            hosts += 1
            isHost = HTTPSyntax.isHost(value)
        case 6 where name.isEqual(to: "expect"):
            if value.isEqual(ignoringCase: "100-continue") { expectsContinue = true }
        case 7 where name.isEqual(to: "upgrade"):
            hasUpgrade = true
        case 10 where name.isEqual(to: "connection"):
            for word in HTTPListParts(value, separatedBy: UInt8(ascii: ",")) {
                if word.isEqual(ignoringCase: "upgrade") { connectionUpgrades = true }
                if word.isEqual(ignoringCase: "close") { connectionCloses = true }
                if word.isEqual(ignoringCase: "keep-alive") { connectionKeeps = true }
            }
        case 14 where name.isEqual(to: "content-length"):
            // 18 digits at most, so that the value cannot overflow.
            guard length == nil, (1...18).contains(value.count), value.allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw .malformed
            }
            length = value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        case 17 where name.isEqual(to: "transfer-encoding"):
            guard !isChunked, !isHTTP10, value.isEqual(ignoringCase: "chunked") else { throw .malformed }
            isChunked = true
        default:
            break
        }
    }

    var isKeptAlive: Bool { isHTTP10 ? connectionKeeps && !connectionCloses : !connectionCloses }

    var hasValidHost: Bool { hosts == 1 ? isHost : hosts == 0 && isHTTP10 }

    func framing() throws(HTTPViolation) -> HTTPRequestHead.Framing {
        guard isChunked else { return .length(length ?? 0) }
        guard length == nil else { throw .malformed }
        return .chunked
    }
}
