import Identity
import PluginHost
import Support

extension ClientIdentity {
    /// Who a verified token names.
    init(_ identity: UserIdentity) {
        self.init(user: ByteString(identity.user), claims: identity.claims, expiresAt: identity.expiresAt)
    }
}
