/// Where the target of a request stands in its text, and which parts of it are path and query.
struct HTTPTarget {
    let range: Range<Int>
    /// Of a target that may be an absolute URI, as proxies send it. Without the query.
    let path: Range<Int>
    /// Without its question mark; empty when there is none.
    let query: Range<Int>

    init(_ range: Range<Int>, in text: UnsafeRawBufferPointer) {
        self.range = range
        guard let start = Self.startOfPath(range, in: text) else {
            // An authority alone: its path is the first slash of `://`, which is as good as any.
            path = text[range].firstIndex(of: 0x2F).map { $0..<$0 + 1 } ?? range
            query = range.upperBound..<range.upperBound
            return
        }
        let mark = text[start..<range.upperBound].firstIndex(of: 0x3F) ?? range.upperBound
        path = start..<mark
        query = min(mark + 1, range.upperBound)..<range.upperBound
    }

    /// nil if there is no path behind the authority.
    private static func startOfPath(_ range: Range<Int>, in text: UnsafeRawBufferPointer) -> Int? {
        guard text[range.lowerBound] != 0x2F, let colon = text[range].firstIndex(of: 0x3A), colon + 3 <= range.upperBound,
            text[colon + 1] == 0x2F, text[colon + 2] == 0x2F
        else { return range.lowerBound }
        return text[(colon + 3)..<range.upperBound].firstIndex(of: 0x2F)
    }
}
