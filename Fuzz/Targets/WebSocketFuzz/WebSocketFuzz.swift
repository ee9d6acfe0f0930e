import FuzzSupport

/// The first byte selects how the rest is used: as the bytes of frames (`r`), as frames to build (`f`), as payloads to
/// inflate (`i`), as messages to compress (`d`), or as the header of an offer (`o`).
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
