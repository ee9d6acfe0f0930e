extension Refusal {
    /// Fills the host's structure and returns the code for it. The message is cut to what fits.
    func write(to reply: UnsafeMutablePointer<jf_handshake_reply>) -> Int32 {
        withUnsafeMutableBytes(of: &reply.pointee.message) { room in
            let text = message.utf8.prefix(room.count - 1)
            room.copyBytes(from: text)
            room[text.count] = 0
        }
        return JF_E_DENIED
    }

    /// The same for a client that asks to join a namespace.
    func write(to refusal: UnsafeMutablePointer<jf_refusal>?) -> Int32 {
        guard let refusal else { return JF_E_DENIED }
        return jf_refuse(refusal, message, data?.description)
    }
}
