import FuzzSupport

/// The first byte tells what the rest is: the bytes of frames as they are, frames to build, or a payload to inflate.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    switch script.byte() {
    case UInt8(ascii: "r"):
        let seed = script.byte()
        FrameRules.check(script.remainder(), seed: seed)
    case UInt8(ascii: "f"):
        let seed = script.byte()
        FrameRules.check(FrameBuilder.build(&script), seed: seed)
    case UInt8(ascii: "i"): DeflateRules.checkInflating(&script)
    case UInt8(ascii: "d"): DeflateRules.checkRoundTrip(&script)
    case UInt8(ascii: "o"): DeflateRules.checkOffer(script.remainder())
    default: break
    }
    return 0
}
