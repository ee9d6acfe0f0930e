/// The rule for ids of users, wherever they come from: a token, a plugin or a client.
public enum UserID {
    /// The largest length; bytes.
    public static let longest = 256

    /// Why `user` is not a valid id, as a predicate such as "is empty"; `nil` if it is valid. Constant time for too
    /// long ids.
    public static func problem(_ user: UnsafeRawBufferPointer) -> String? {
        guard !user.isEmpty else { return "is empty" }
        guard user.count <= longest else { return "has \(user.count) bytes, more than the \(longest) allowed" }
        // Control characters would end a C string or break a log line.
        return user.hasControlCharacter ? "holds a control character" : nil
    }

    /// Whether ``problem(_:)`` is `nil`.
    @inlinable
    public static func isValid(_ user: UnsafeRawBufferPointer) -> Bool {
        user.count > 0 && user.count <= longest && !user.hasControlCharacter
    }

    /// Why `user` is not a valid id; `nil` if it is valid.
    public static func problem(_ user: ByteString) -> String? {
        user.withBytes { problem($0) }
    }
}
