/// Why a server cannot listen.
public struct ListenError: Error, CustomStringConvertible {
    /// The error number of the system, such as `EADDRINUSE`.
    public let code: Int32
    public let description: String
}
