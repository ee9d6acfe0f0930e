/// What the separators of a field's value separate, such as the commas of a list or the semicolons of parameters, without the blanks around it. An empty
/// value has one part, which is empty.
struct HTTPListParts: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private let separator: UInt8
    /// Where the next part begins; behind the end there is none.
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer, separatedBy separator: UInt8) {
        self.bytes = bytes
        self.separator = separator
    }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard position <= bytes.count else { return nil }
        let start = position
        let end = bytes[start...].firstIndex(of: separator) ?? bytes.count
        position = end + 1
        return bytes.part(start..<end).trimmed
    }
}

extension UnsafeRawBufferPointer {
    /// Without the blanks and tabs at both ends.
    var trimmed: UnsafeRawBufferPointer {
        var (start, end) = (0, count)
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while start < end, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return part(start..<end)
    }
}
