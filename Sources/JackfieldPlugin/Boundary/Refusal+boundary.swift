extension Refusal {
    /// Tells the host, and returns the code that goes with it.
    func tell(_ refusal: UnsafeMutablePointer<jf_refusal>?) -> Int32 {
        guard let refusal else { return JF_E_DENIED }
        return jf_refuse(refusal, message, data?.description)
    }
}
