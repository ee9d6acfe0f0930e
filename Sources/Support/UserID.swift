/// The rule for the id of a user, the same wherever one comes in: in a token, from a plugin, or asked for by a client.
public enum UserID {
    /// Bytes of the longest.
    public static let longest = 256

    /// What is wrong with `user` as the id of a user, to follow a name for it: "is empty"; `nil` if nothing is.
    /// Constant time for long ones.
    public static func problem(_ user: UnsafeRawBufferPointer) -> String? {
        guard !user.isEmpty else { return "is empty" }
        guard user.count <= longest else { return "has \(user.count) bytes, more than the \(longest) allowed" }
        // They would end a C string, and break lines of logs.
        return user.hasControlCharacter ? "holds a control character" : nil
    }

    /// Whether ``problem(_:)`` has none to tell.
    @inlinable
    public static func isValid(_ user: UnsafeRawBufferPointer) -> Bool {
        user.count > 0 && user.count <= longest && !user.hasControlCharacter
    }

    /// The same.
    public static func problem(_ user: ByteString) -> String? {
        user.withBytes { problem($0) }
    }
}
