import RawJSON
import Support

/// `{"pid":…,"offset":…}` of a CONNECT payload: a reconnecting client asks for its earlier session.
struct RecoveryRequest: Sendable, Equatable {
    let privateID: SocketID

    /// The last event that the client has received; `nil` if it has received none.
    let offset: RecoveryOffset?

    /// - Parameter auth: a valid JSON object. Keys with escapes are recognised as well; of equal keys the last one
    ///   counts.
    init?(auth: UnsafeRawBufferPointer) {
        var privateID: SocketID?
        var offset: RecoveryOffset?
        var isOffsetMalformed = false
        var walker = JSONObjectWalker(auth)
        while case .member(let key, let value) = walker.next() {
            let name = UnsafeRawBufferPointer(rebasing: auth[key])
            if JSONText.isEqual(name, to: "pid") {
                privateID = JSONText.byteString(UnsafeRawBufferPointer(rebasing: auth[value]), limit: SocketID.length)
                    .flatMap { SocketID($0) }
            } else if JSONText.isEqual(name, to: "offset") {
                offset = JSONText.byteString(
                    UnsafeRawBufferPointer(rebasing: auth[value]), limit: RecoveryOffset.longest
                ).flatMap { RecoveryOffset($0) }
                isOffsetMalformed = offset == nil
            }
        }
        guard let privateID, !isOffsetMalformed else { return nil }
        self.privateID = privateID
        self.offset = offset
    }
}

/// The sequence number of an event in the recovery log, as the text that the client receives as an event's last
/// argument.
struct RecoveryOffset: Equatable {
    let sequence: UInt64

    /// Number of digits in base 36; two digits suffice for 1,296 events.
    let count: Int

    init(_ sequence: UInt64) {
        self.sequence = sequence
        var count = 1
        var rest = sequence
        while rest >= 36 {
            rest /= 36
            count += 1
        }
        self.count = count
    }

    /// Bytes that follow the offset in an event's text: the quotation mark and the closing bracket of the arguments.
    static let distanceFromEnd = 2

    /// Parses the exact format of ``write(to:)``; `nil` for anything else.
    init?(_ text: ByteString) {
        guard text.count <= Self.longest, !text.isEmpty, text.utf8.allSatisfy({ Self.digits.contains($0) }),
            let sequence = UInt64(text.text, radix: 36), text == "0" || text.utf8.first != UInt8(ascii: "0")
        else { return nil }
        self.init(sequence)
    }

    func write(to buffer: UnsafeMutableRawBufferPointer) {
        var rest = sequence
        for index in (0..<count).reversed() {
            let digit = UInt8(truncatingIfNeeded: rest % 36)
            buffer[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            rest /= 36
        }
    }

    /// Characters of the longest offset that is accepted. 2^64 would need 13, but no log reaches that.
    static let longest = 12

    private static let digits = Set("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
}
