/// A waiting GET as a session sees it; Transport's half. [loop]
public protocol PollOutput: AnyObject {
    /// Its client had hung up when it came: it is the older of two GETs, which another connection's has overtaken.
    var wasAbandoned: Bool { get }
    /// This GET opened `session`; its answer follows.
    func opened(_ session: Session)
    /// Answers 200 with a payload of exactly `count` bytes, which `fill` writes. `compress`: if it is large enough and the client allows.
    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void)
    /// Answers 400: this poll came too late, or one too many.
    func refuse(_ refusal: PollError)
}

extension PollOutput {
    public var wasAbandoned: Bool { false }
}
