import Synchronization

/// The request that opened a session, kept for hooks and plugins, and what the session speaks over since.
/// Immutable but for the latter.
///
/// URI and headers stay one block of text, because ten thousand sessions keep one each and hardly anybody asks.
///
/// `@unchecked Sendable`: `block` points to memory that is written by `init` and freed by `deinit` only;
/// `isOverWebSocket` is atomic.
public final class HandshakeRequest: @unchecked Sendable {
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
    private let isOverWebSocket: Atomic<Bool>

    /// - Parameters:
    ///   - transport: what the session begins with.
    ///   - text: the URI, of which there are `uriCount` bytes, then `name: value\r\n` per header, in the order sent.
    public init(
        remoteAddress: String, secure: Bool, issued: Int64, transport: TransportName = .websocket,
        text: ArraySlice<UInt8>, uriCount: Int
    ) {
        isOverWebSocket = Atomic(transport == .websocket)
        self.remoteAddress = remoteAddress
        self.secure = secure
        self.issued = issued
        self.uriCount = uriCount
        // Allocated to the byte, and no array: ten thousand sessions would pay for its head and its growth.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        copy.copyBytes(from: text)
        block = UnsafeRawBufferPointer(copy)
    }

    public convenience init(
        remoteAddress: String, secure: Bool, uri: String, issued: Int64, transport: TransportName = .websocket,
        headers: some Collection<(name: String, value: String)>
    ) {
        let text = Array((uri + headers.map { "\($0.name): \($0.value)\r\n" }.joined()).utf8)
        self.init(
            remoteAddress: remoteAddress, secure: secure, issued: issued, transport: transport, text: text[...],
            uriCount: uri.utf8.count)
    }

    /// What it takes in memory, more or less; bytes.
    public var size: Int { block.count + Self.overhead }

    /// The object itself and what the allocator adds.
    private static let overhead = 128

    deinit {
        block.deallocate()
    }

    /// What the session speaks over now. Written on its loop, read on any thread.
    public internal(set) var transport: TransportName {
        get { isOverWebSocket.load(ordering: .relaxed) ? .websocket : .polling }
        set { isOverWebSocket.store(newValue == .websocket, ordering: .relaxed) }
    }

    /// Path and query as sent. Decoded on each call.
    public var uri: String { String(decoding: block[..<uriCount], as: UTF8.self) }

    /// All headers in the order sent; the transport gives names in lower case. Decoded on each call.
    public var headers: [(name: String, value: String)] {
        block[uriCount...].split(separator: 0x0A).compactMap { line in
            guard let colon = line.firstIndex(of: 0x3A) else { return nil }
            let value = line[(colon + 1)...].dropFirst().dropLast()
            return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
    }
}
