import RawJSON
import Support

/// The registered claims that are looked at, read in one pass over the payload. Of duplicate claims the last
/// counts, as in `JSON.parse`.
struct TokenClaims: Sendable {
    /// A claim that may be there, and may be of a wrong type.
    enum Claim<Value: Sendable>: Sendable {
        case absent
        case wrongType
        case value(Value)

        init(_ value: Value?) {
            self = value.map { .value($0) } ?? .wrongType
        }
    }

    var user = Claim<ByteString>.absent
    /// Milliseconds since 1970.
    var expiry = Claim<Int64>.absent
    /// Milliseconds since 1970.
    var notBefore = Claim<Int64>.absent
    /// Milliseconds since 1970.
    var issuedAt = Claim<Int64>.absent
    var issuer = Claim<ByteString>.absent
    var audiences = Claim<[ByteString]>.absent
    var scopes: [ByteString] = []

    /// `nil` if `payload` is not a JSON object.
    init?(_ payload: [UInt8], userClaim: [UInt8]) {
        let isObject = payload.withUnsafeBytes { payload in
            userClaim.withUnsafeBytes { userClaim in
                JSONObjectWalker.forEachMember(of: payload) { key, value in
                    // Not an `else` of the others: the user claim may well be one of them, `iss` for instance.
                    if JSONText.isEqual(key, to: userClaim) { user = Claim(Self.user(value)) }
                    if JSONText.isEqual(key, to: "exp") {
                        expiry = Claim(Self.milliseconds(value))
                    } else if JSONText.isEqual(key, to: "nbf") {
                        notBefore = Claim(Self.milliseconds(value))
                    } else if JSONText.isEqual(key, to: "iat") {
                        issuedAt = Claim(Self.milliseconds(value))
                    } else if JSONText.isEqual(key, to: "iss") {
                        issuer = Claim(JSONText.byteString(value))
                    } else if JSONText.isEqual(key, to: "aud") {
                        audiences = Claim(JSONText.byteString(value).map { [$0] } ?? Self.strings(value))
                    } else if JSONText.isEqual(key, to: "scope") {
                        // A scope grants; one that cannot be read grants nothing.
                        scopes = JSONText.byteString(value)?.words ?? Self.strings(value) ?? []
                    }
                }
            }
        }
        guard isObject else { return nil }
    }

    private static func user(_ value: UnsafeRawBufferPointer) -> ByteString? {
        JSONText.byteString(value) ?? JSONNumber(value)?.int64.map { ByteString(String($0)) }
    }

    /// A NumericDate (RFC 7519, section 2): seconds, of which a fraction is allowed.
    private static func milliseconds(_ value: UnsafeRawBufferPointer) -> Int64? {
        switch JSONNumber(value) {
        case .integer(let seconds):
            let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
            return overflow ? (seconds > 0 ? Int64.max : Int64.min) : milliseconds
        case .double(let seconds):
            return Int64(exactly: (seconds * 1000).rounded(.down)) ?? (seconds > 0 ? Int64.max : Int64.min)
        case nil:
            return nil
        }
    }

    /// The elements of an array of strings; `nil` if it is anything else.
    private static func strings(_ value: UnsafeRawBufferPointer) -> [ByteString]? {
        var strings: [ByteString] = []
        var walker = JSONArrayWalker(value)
        while true {
            switch walker.next() {
            case .element(let range):
                guard let string = JSONText.byteString(UnsafeRawBufferPointer(rebasing: value[range])) else {
                    return nil
                }
                strings.append(string)
            case .end: return strings
            case .malformed: return nil
            }
        }
    }
}

extension ByteString {
    /// What stands between its spaces.
    fileprivate var words: [ByteString] {
        withBytes { bytes in bytes.split(separator: UInt8(ascii: " ")).map { ByteString(decoding: $0) } }
    }
}

/// The payload of a token whose signature is valid, and what it claims. Whether that is acceptable, and still is, has
/// to be judged with each use.
struct SignedClaims: Sendable {
    let payload: [UInt8]
    let claims: TokenClaims
}
