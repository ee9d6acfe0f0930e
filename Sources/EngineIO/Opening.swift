/// The request that opened a session, kept for hooks and plugins. Immutable.
///
/// URI and headers stay one block of text, because ten thousand sessions keep one each and hardly anybody asks.
///
/// `@unchecked Sendable`: `block` points to memory that is written by `init` and freed by `deinit` only.
public final class Opening: @unchecked Sendable {
    /// The peer's address without its port, `127.0.0.1` or `::1`.
    public let remoteAddress: String
    /// Whether the connection was encrypted.
    public let secure: Bool
    /// When the request came; ms since 1970.
    public let issued: Int64
    /// How much of `block` is the URI.
    private let uriCount: Int
    /// The URI, then `name: value\r\n` per header, in the order sent.
    private let block: UnsafeRawBufferPointer

    public init(
        remoteAddress: String, secure: Bool, uri: String, issued: Int64, headers: some Collection<(name: String, value: String)>
    ) {
        self.remoteAddress = remoteAddress
        self.secure = secure
        self.issued = issued
        uriCount = uri.utf8.count
        let count = headers.reduce(uriCount) { $0 + $1.name.utf8.count + $1.value.utf8.count + ": \r\n".utf8.count }
        // Allocated to the byte, and no array: ten thousand sessions would pay for its head and its growth.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        var filled = 0
        func append(_ text: String) {
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyBytes(from: text.utf8)
            filled += text.utf8.count
        }
        append(uri)
        for (name, value) in headers {
            append(name)
            append(": ")
            append(value)
            append("\r\n")
        }
        block = UnsafeRawBufferPointer(buffer)
    }

    deinit {
        block.deallocate()
    }

    /// Path and query as sent. Decoded on each call.
    public var uri: String { String(decoding: block[..<uriCount], as: UTF8.self) }

    /// All headers in the order sent, names as sent. Decoded on each call.
    public var headers: [(name: String, value: String)] {
        block[uriCount...].split(separator: 0x0A).compactMap { line in
            guard let colon = line.firstIndex(of: 0x3A) else { return nil }
            let value = line[(colon + 1)...].dropFirst().dropLast()
            return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
    }

    /// The first header of this name, whatever its case.
    public subscript(header name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}
