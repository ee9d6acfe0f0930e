import FuzzSupport
import Identity

/// Key material comes from files and addresses of the operator's; whatever stands there, there is a verifier or an
/// error that says why not.
enum KeyRules {
    static func check(_ material: [UInt8]) {
        for usesKeySet in [false, true] {
            var configuration = TokenVerifierConfiguration()
            configuration.algorithms = [.rs256, .es256, .edDSA]
            if usesKeySet { configuration.keySet = material } else { configuration.publicKey = material }
            do throws(TokenConfigurationError) {
                _ = try TokenVerifier(configuration)
            } catch {
                require(!error.description.isEmpty, "an error says why")
            }
        }
    }
}
