import Support

/// A JSON Web Signature algorithm (RFC 7518, RFC 8037). There is no case for `none`, so it can never be accepted.
public enum TokenAlgorithm: String, Sendable, Hashable, CaseIterable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// The algorithm with this name, compared byte for byte; `nil` if there is none.
    init?(named name: ByteString) {
        guard let (_, algorithm) = Self.names.first(where: { $0.name == name }) else { return nil }
        self = algorithm
    }

    /// An array, because comparing these few names takes less time than hashing one.
    private static let names = allCases.map { (name: ByteString($0.rawValue), algorithm: $0) }

    /// The kind of key that an algorithm needs. A key is used for its own family only, so that a public key is never
    /// used as an HMAC secret.
    enum Family: Sendable, Hashable {
        /// HMAC with a shared secret.
        case hmac
        /// RSASSA-PKCS1-v1_5.
        case rsa
        /// RSASSA-PSS with a salt of the digest's length.
        case rsaPSS
        /// ECDSA; OpenSSL's name of the curve, and the length of each half of a signature in bytes.
        case ecdsa(curve: String, coordinateLength: Int)
        /// Ed25519.
        case ed25519
    }

    var family: Family {
        switch self {
        case .hs256, .hs384, .hs512: .hmac
        case .rs256, .rs384, .rs512: .rsa
        case .ps256, .ps384, .ps512: .rsaPSS
        case .es256: .ecdsa(curve: "prime256v1", coordinateLength: 32)
        case .es384: .ecdsa(curve: "secp384r1", coordinateLength: 48)
        case .es512: .ecdsa(curve: "secp521r1", coordinateLength: 66)
        case .edDSA: .ed25519
        }
    }

    /// Whether one shared secret both signs and verifies tokens of this algorithm.
    public var isSymmetric: Bool { family == .hmac }

    /// OpenSSL's name of the digest; `nil` for Ed25519, which includes its own.
    var digest: String? {
        switch self {
        case .hs256, .rs256, .ps256, .es256: "SHA256"
        case .hs384, .rs384, .ps384, .es384: "SHA384"
        case .hs512, .rs512, .ps512, .es512: "SHA512"
        case .edDSA: nil
        }
    }

    /// Length of the digest in bytes. It is the minimum length of an HMAC secret by RFC 7518, section 3.2.
    var digestLength: Int {
        switch digest {
        case "SHA256": 32
        case "SHA384": 48
        default: 64
        }
    }
}
