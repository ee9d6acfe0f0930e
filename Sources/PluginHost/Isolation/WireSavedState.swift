import CJackfield

/// The state that a plugin in a worker saves for its successor, in messages.
extension WireWriter {
    mutating func saved(_ saved: SavedState) {
        integer(saved.version)
        data(saved.bytes)
        integer(UInt32(saved.tokens.count))
        for token in saved.tokens { integer(token.raw) }
        integer(UInt32(saved.streams.count))
        for stream in saved.streams { integer(stream) }
    }
}

extension WireReader {
    mutating func saved() throws(MalformedMessage) -> SavedState {
        var saved = SavedState()
        saved.version = try integer()
        saved.bytes = Array(try data())
        for _ in 0..<(try count(ofItems: 8)) { saved.tokens.append(ReplyToken(try integer())) }
        for _ in 0..<(try count(ofItems: 8)) { saved.streams.append(try integer()) }
        return saved
    }
}
