/// A waiting GET as a session sees it; Transport's half. [loop]
public protocol PollOutput: AnyObject {
    /// This GET opened `session`; its answer follows.
    func opened(_ session: Session)
    /// Answers 200 with a payload of exactly `count` bytes, which `fill` writes. `compress`: if it is large enough and the client allows.
    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void)
    /// Answers 400: this poll came too late, or one too many.
    func refuse(_ refusal: PollRefusal)
}
