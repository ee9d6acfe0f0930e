/// Connection state recovery: how long, and how much, is kept for clients that lost their connection.
public struct RecoveryOptions: Sendable, Hashable {
    /// How long a session is kept, in ms. The reference's default.
    public var maxDisconnectionDuration: Int64 = 120_000

    /// ``ConnectAttempt/resume(user:claims:expiresAt:else:)`` may let a recovered socket in without further questions. Its user is verified
    /// all the same. The reference's default.
    public var skipMiddlewares = true

    /// How long an event can be on its way, in ms, before a dead connection is noticed: more than `pingInterval` + `pingTimeout`,
    /// which are 45,000 together by default. Events are kept that much longer than sessions.
    public var maxTimeInFlight: Int64 = 60_000

    /// Sessions of lost connections kept at once; the oldest goes first.
    public var maxSessions = 10_000

    /// Bytes of these sessions: rooms and data.
    public var maxSessionBytes = 16_000_000

    /// Bytes of one session; a larger one is not kept.
    public var maxBytesPerSession = 65_536

    /// Events kept for all sessions together; the oldest goes first, and with it the sessions that had not read it.
    public var maxPackets = 100_000

    /// Bytes of these events, attachments included.
    public var maxPacketBytes = 64_000_000

    /// Bytes of missed events sent to one session; what missed more starts afresh.
    public var maxMissedBytesPerSession = 4_000_000

    public init() {}
}
