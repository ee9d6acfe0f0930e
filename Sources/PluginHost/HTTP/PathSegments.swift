/// The segments of a URL's path, as they stand there: what its slashes separate, the first of which opens it. There is always one, which may be empty.
struct PathSegments: Sequence, IteratorProtocol {
    private let path: UnsafeRawBufferPointer
    /// Where the next one begins; behind the end when there is none.
    private var position = 1

    init(_ path: UnsafeRawBufferPointer) {
        self.path = path
    }

    var count: Int { 1 + path.dropFirst().count { $0 == UInt8(ascii: "/") } }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard position <= Swift.max(path.count, 1) else { return nil }
        let start = Swift.min(position, path.count)
        let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.count
        position = Swift.max(end, 1) + 1
        return UnsafeRawBufferPointer(rebasing: path[start..<end])
    }
}
