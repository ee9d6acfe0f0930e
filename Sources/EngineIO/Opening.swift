/// The request that opened a session, kept for hooks and plugins. Immutable.
///
/// URI and headers stay one block of text, because ten thousand sessions keep one each and hardly anybody asks.
public final class Opening: Sendable {
    /// The peer's address without its port, `127.0.0.1` or `::1`.
    public let remoteAddress: String
    /// Whether the connection was encrypted.
    public let secure: Bool
    /// When the request came; ms since 1970.
    public let issued: Int64
    /// How much of `block` is the URI.
    private let uriCount: Int
    /// The URI, then `name: value\r\n` per header, in the order sent.
    private let block: [UInt8]

    public init(
        remoteAddress: String, secure: Bool, uri: String, issued: Int64, headers: some Collection<(name: String, value: String)>
    ) {
        self.remoteAddress = remoteAddress
        self.secure = secure
        self.issued = issued
        uriCount = uri.utf8.count
        // Sized to the byte: an array that grows would keep twice what it needs, in each of ten thousand sessions.
        let count = headers.reduce(uriCount) { $0 + $1.name.utf8.count + $1.value.utf8.count + ": \r\n".utf8.count }
        block = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            func append(_ text: some Collection<UInt8>) {
                filled = buffer[filled...].initialize(fromContentsOf: text)
            }
            append(uri.utf8)
            for (name, value) in headers {
                append(name.utf8)
                append(": ".utf8)
                append(value.utf8)
                append("\r\n".utf8)
            }
        }
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
