/// The request that opened a session, kept for hooks and plugins. Immutable.
///
/// The headers stay one block of text, because ten thousand sessions keep one each and hardly anybody asks.
public final class Opening: Sendable {
    /// The peer's address without its port, `127.0.0.1` or `::1`.
    public let remoteAddress: String
    /// Whether the connection was encrypted.
    public let secure: Bool
    /// Path and query as sent.
    public let uri: String
    /// When the request came; ms since 1970.
    public let issued: Int64
    /// `name: value\r\n` per header, in the order sent.
    private let block: [UInt8]

    public init(
        remoteAddress: String, secure: Bool, uri: String, issued: Int64, headers: some Sequence<(name: String, value: String)>
    ) {
        self.remoteAddress = remoteAddress
        self.secure = secure
        self.uri = uri
        self.issued = issued
        var block: [UInt8] = []
        for (name, value) in headers {
            block.append(contentsOf: name.utf8)
            block.append(contentsOf: ": ".utf8)
            block.append(contentsOf: value.utf8)
            block.append(contentsOf: "\r\n".utf8)
        }
        self.block = block
    }

    /// All headers in the order sent, names as sent. Decoded on each call.
    public var headers: [(name: String, value: String)] {
        block.split(separator: 0x0A).compactMap { line in
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
