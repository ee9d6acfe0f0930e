/// Why a client may not join: thrown by a `use` hook, it becomes CONNECT_ERROR `{"message":…,"data":…}`. Or why a request may open
/// no session: thrown by an `allowRequest` hook, it becomes `{"code":4,"message":…}`.
public struct Refusal: Error, Sendable {
    /// At most 247 bytes of it arrive.
    public let message: String

    /// At most 1023 bytes of JSON; longer data is left out.
    public let data: JSON?

    public init(_ message: String) {
        self.message = message
        data = nil
    }

    /// `throw try Refusal("unauthorized", data: ["code": "missing_token"])`.
    public init(_ message: String, data: any Encodable) throws {
        self.message = message
        self.data = try JSON(encoding: data)
    }
}
