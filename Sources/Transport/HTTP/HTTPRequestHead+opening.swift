import EngineIO

extension HTTPRequestHead {
    /// What is kept of the request that opens a session.
    func opening(from remoteAddress: String) -> Opening {
        Opening(remoteAddress: remoteAddress, secure: false, issued: WallClock.now, text: text, uriCount: targetCount)
    }
}
