/// Splits what a worker writes to its standard output and standard error into lines for the log, and limits them.
/// Without I/O.
struct WorkerOutput {
    /// Bytes of a line; the rest of a longer line is left out.
    static let longestLine = 4096
    /// Lines in each second; further lines are left out.
    static let linesPerSecond = 100

    private var line: [UInt8] = []
    /// Bytes of the line beyond ``longestLine``.
    private var beyond = 0
    private var second: Int64 = 0
    private var linesOfSecond = 0
    private var leftOut = 0

    /// - Parameters:
    ///   - now: in nanoseconds; never decreases.
    ///   - log: gets each complete line, without its end.
    mutating func append(_ bytes: UnsafeRawBufferPointer, now: Int64, log: (String) -> Void) {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 10) {
            extend(rest[..<end])
            rest = rest[(end + 1)...]
            endLine(now, log)
        }
        extend(rest)
    }

    /// Logs what the last line has without an end, and how many lines were left out.
    mutating func finish(now: Int64, log: (String) -> Void) {
        if !line.isEmpty { endLine(now, log) }
        reportLeftOut(log)
    }

    private mutating func extend(_ bytes: Slice<UnsafeRawBufferPointer>) {
        let room = Self.longestLine - line.count
        line.append(contentsOf: bytes.prefix(room))
        beyond += max(0, bytes.count - room)
    }

    private mutating func endLine(_ now: Int64, _ log: (String) -> Void) {
        defer {
            line.removeAll(keepingCapacity: true)
            beyond = 0
        }
        let current = now / 1_000_000_000
        if current != second {
            reportLeftOut(log)
            second = current
            linesOfSecond = 0
        }
        guard linesOfSecond < Self.linesPerSecond else {
            leftOut += 1
            return
        }
        linesOfSecond += 1
        if line.last == 13 { line.removeLast() }
        let text = String(decoding: line.map(Self.printable), as: UTF8.self)
        log(beyond == 0 ? text : "\(text)… (cut; \(line.count + beyond) bytes)")
    }

    private mutating func reportLeftOut(_ log: (String) -> Void) {
        if leftOut > 0 { log("\(leftOut) lines were left out: more than \(Self.linesPerSecond) a second") }
        leftOut = 0
    }

    /// Replaces control characters, with which a line could change the terminal of an operator who reads the log.
    private static func printable(_ byte: UInt8) -> UInt8 {
        (byte < 32 && byte != 9) || byte == 127 ? UInt8(ascii: "?") : byte
    }
}
