import Support

/// The query parameters that Engine.IO uses, decoded as the reference does: of repeated parameters the last counts, a
/// plus is a space, and a malformed percent escape is kept as it is.
///
/// Stores only parsed values, never text of the client.
public struct RequestParameters: Sendable, Equatable {
    /// The value of `sid`.
    public enum SessionReference: Sendable, Equatable {
        /// Absent or empty: the request is a handshake.
        case none
        /// The text cannot be a session id.
        case impossible
        case id(SessionID)
    }

    /// nil if absent or not the name of a transport.
    public private(set) var transport: TransportName?
    /// Whether `EIO` is `4`.
    public private(set) var isVersion4 = false
    public private(set) var session = SessionReference.none
    /// Whether `b64` has a value.
    public private(set) var wantsBase64 = false

    /// Parses a query without its question mark.
    public init(query: UnsafeRawBufferPointer) {
        var position = 0
        while position < query.count {
            let pair = Pair(in: query, at: position)
            position = pair.end + 1
            switch pair.withName(Name.init) {
            case .transport: transport = pair.withValue(TransportName.init)
            case .version: isVersion4 = pair.withValue { $0.isEqual(to: "4") }
            case .session:
                session = pair.isEmpty ? .none : pair.withValue(SessionID.init).map { .id($0) } ?? .impossible
            case .base64: wantsBase64 = !pair.isEmpty
            case nil: break
            }
        }
    }

    /// The session id in `sid`.
    public var sessionID: SessionID? {
        if case .id(let id) = session { id } else { nil }
    }

    private enum Name {
        case transport
        case version
        case session
        case base64

        init?(_ bytes: UnsafeRawBufferPointer) {
            switch bytes.count {
            case 9 where bytes.isEqual(to: "transport"): self = .transport
            case 3 where bytes.isEqual(to: "EIO"): self = .version
            case 3 where bytes.isEqual(to: "sid"): self = .session
            case 3 where bytes.isEqual(to: "b64"): self = .base64
            default: return nil
            }
        }
    }

    /// `name=value`, or a name alone.
    private struct Pair {
        /// The offset of its end in the query.
        let end: Int
        private let name: UnsafeRawBufferPointer
        private let value: UnsafeRawBufferPointer
        /// Whether it contains a plus or a percent sign.
        private let isEncoded: Bool

        init(in query: UnsafeRawBufferPointer, at start: Int) {
            var end = start
            var equals: Int?
            var isEncoded = false
            while end < query.count, query[end] != 0x26 {
                switch query[end] {
                case 0x3D: equals = equals ?? end
                case 0x25, 0x2B: isEncoded = true
                default: break
                }
                end += 1
            }
            self.end = end
            self.isEncoded = isEncoded
            name = UnsafeRawBufferPointer(rebasing: query[start..<(equals ?? end)])
            value = UnsafeRawBufferPointer(rebasing: query[(equals.map { $0 + 1 } ?? end)..<end])
        }

        /// Whether it has no value.
        var isEmpty: Bool { value.isEmpty }

        func withName<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { decoded(name, body) }
        func withValue<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { decoded(value, body) }

        /// The decoded bytes. Text that is longer than all known names and values is truncated.
        private func decoded<Result>(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result)
            -> Result
        {
            guard isEncoded else { return body(bytes) }
            return withUnsafeTemporaryAllocation(byteCount: SessionID.length + 1, alignment: 1) { buffer in
                body(
                    UnsafeRawBufferPointer(
                        rebasing: buffer[..<PercentEncoding.decode(bytes, .query, into: buffer).count]))
            }
        }
    }
}

extension TransportName {
    fileprivate init?(_ bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 7 where bytes.isEqual(to: "polling"): self = .polling
        case 9 where bytes.isEqual(to: "websocket"): self = .websocket
        default: return nil
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func isEqual(to literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount
            && elementsEqual(UnsafeRawBufferPointer(start: literal.utf8Start, count: count))
    }
}

/// A transport of Engine.IO. The raw value is its name in the `transport` parameter and in the open packet's
/// `upgrades`.
public enum TransportName: String, Sendable, Hashable, CaseIterable {
    case polling
    case websocket
}
