// Created with PyJWT and cryptography, so that another implementation signs what this one verifies.
// The private keys were deleted. All tokens say {"sub":"alice","exp":4102444800,"scope":"notifications:write"}.

enum Fixtures {
    static let otherSecret = "another secret of the tests, sixty-four bytes and a little longer!"

    static let secret = "a shared secret of the tests, sixty-four bytes and a little longer!"

    static let rsaKey = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArQdf/vxKLA75Ez96rvhW
        Tbng1+NQQwSff/WU+vnMhOrr42BTTXVY5AiFawZdtxv/pHHh16X85eYdZsn+khoX
        CKL/snMl9UNMT2Iwf3G+AKf/FaPL8vxeXRaGSBOvcfH0PDs8RtHo1QdEjU1/IKZC
        g3y7wAMwecBZXtYc4KC7ZrE8HNh0ITG9S23IJ0u8epmwUbMMsiY+DXm5puJcORSc
        Y5LzRFkTIG42EojzUaRe2mMh+NPjV1QeIBY9BKuI4cwdA5rZDoSAKxUlSh9z2LJ4
        PXR7xvCOzoowI3+SkJW92fFpeu3+wMy8+t5/fEdzTcA3Ttkb52eki4SUmmBeg8vq
        uQIDAQAB
        -----END PUBLIC KEY-----
        """

    static let smallRSAKey = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDVwXQ0i7JRCsZxkUK/cKU2975S
        l+vPFDOLRG6zKFxIWh05iy+COsjmPpxpa1Qwch9burS2PxOY7Dw8kDfUnfh4w6zw
        Q4G0aXZWSMXfFqH2pD/nKxA8760YvCfIJwWcVsiid9hxRKXY1UAntIRk9f5+YlOf
        1+lGQzwWHoim5LrLZQIDAQAB
        -----END PUBLIC KEY-----
        """

    /// The modulus of ``rsaKey`` with the exponent 1: every signature is the padded digest itself.
    static let rsaKeyOfExponentOne = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEArQdf/vxKLA75Ez96rvhW
        Tbng1+NQQwSff/WU+vnMhOrr42BTTXVY5AiFawZdtxv/pHHh16X85eYdZsn+khoX
        CKL/snMl9UNMT2Iwf3G+AKf/FaPL8vxeXRaGSBOvcfH0PDs8RtHo1QdEjU1/IKZC
        g3y7wAMwecBZXtYc4KC7ZrE8HNh0ITG9S23IJ0u8epmwUbMMsiY+DXm5puJcORSc
        Y5LzRFkTIG42EojzUaRe2mMh+NPjV1QeIBY9BKuI4cwdA5rZDoSAKxUlSh9z2LJ4
        PXR7xvCOzoowI3+SkJW92fFpeu3+wMy8+t5/fEdzTcA3Ttkb52eki4SUmmBeg8vq
        uQIBAQ==
        -----END PUBLIC KEY-----
        """

    /// A prime as the modulus, from which the private key can be computed.
    static let primeModulus =
        "7hwYWpIHfRidurAJCPkh2yT_Q2FcAox3MuXmQd31mZv3aooq9YQGl0DApEz7OtiVzEtsT8JNB54c_1zj0vr3JRUUcm2b2gbz39u3qVQH6WpgjXPXa7o7aXUHqy_VrougismB59w1IXyOlv_3q1o14fZYyOriO5JNcXK8EB267W5NisPDDsZ7NYlPjXzZm3QGLpKLXei-LL7WP1X7qEc4P8EFzaTMKG4im9wog7MzkLsMNuAg6XaNYQ0LRvIur-DcS0AzVxmIxEaNfOfJEdzbjTMuqzKYuflTXMQoechutHIsGWWtt5jv6JkWfTmYhLcpMELyQeTqCbVR2GspxHO97Q"

    static let p256Key = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhFeY9M/iggtzUPKGQ2xz0HPctVY
        jJlAvnhW9AA1iUztd8zpM4hdAn39fpxEJa6H6WpHDFC4g3/QbI9N7zeXNQ==
        -----END PUBLIC KEY-----
        """

    static let p384Key = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEYJupfuauoc/X8HqvopbONEpyK9FOTn06
        xD3IjZBsGh7q91i51VPUw6fMi7FsdYHcIDQi3Yf3qvp1+c09O7CZdpGfbY8RKGUT
        GLyLNB4gNCLtUfLm8LXu+8I1yltfxhoQ
        -----END PUBLIC KEY-----
        """

    static let p521Key = """
        -----BEGIN PUBLIC KEY-----
        MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQA/WHid8Oe/rfQLdAZ1Iod5/NTn7+6
        zedxg1Vz+2iBkMUaZvS+KUJf441frFCNBmOTiFWJelakLL2tpJrJ/scPEHEBTCxm
        RH7wYXNmASzcfgXKKldzw/CgMePp/VJmqBTNIgnoVbheGj6+erLe+mtu2TiZVNWg
        iF6zCgwLM5W08jRZDtc=
        -----END PUBLIC KEY-----
        """

    static let ed25519Key = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAL72vug2ZU1fa2+tKVl5PwZtZ8J16fp101ygI10/ZFo4=
        -----END PUBLIC KEY-----
        """

    /// Contains the key of ``p256Key``.
    static let p256Certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBGzCBwaADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC2lzc3Vlci50
        ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAWMRQwEgYDVQQD
        DAtpc3N1ZXIudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGYRXmPTP4oI
        Lc1DyhkNsc9Bz3LVWIyZQL54VvQANYlM7XfM6TOIXQJ9/X6cRCWuh+lqRwxQuIN/
        0GyPTe83lzUwCgYIKoZIzj0EAwIDSQAwRgIhAJj7Kq/ZH+Riy3laSdgbbOLSZBbd
        i6DmwNQ3mnkjNmJlAiEArvYp3070ZTy9Wg/hNqDRUzvygw0vNDL2Mn09Z9CtW8E=
        -----END CERTIFICATE-----
        """

    /// All keys above except the small one, and one for encryption.
    static let keySet = #"""
        {"keys":[
        {"kty":"RSA","kid":"rsa","use":"sig","n":"rQdf_vxKLA75Ez96rvhWTbng1-NQQwSff_WU-vnMhOrr42BTTXVY5AiFawZdtxv_pHHh16X85eYdZsn-khoXCKL_snMl9UNMT2Iwf3G-AKf_FaPL8vxeXRaGSBOvcfH0PDs8RtHo1QdEjU1_IKZCg3y7wAMwecBZXtYc4KC7ZrE8HNh0ITG9S23IJ0u8epmwUbMMsiY-DXm5puJcORScY5LzRFkTIG42EojzUaRe2mMh-NPjV1QeIBY9BKuI4cwdA5rZDoSAKxUlSh9z2LJ4PXR7xvCOzoowI3-SkJW92fFpeu3-wMy8-t5_fEdzTcA3Ttkb52eki4SUmmBeg8vquQ","e":"AQAB"},
        {"kty":"EC","kid":"p256","alg":"ES256","crv":"P-256","x":"ZhFeY9M_iggtzUPKGQ2xz0HPctVYjJlAvnhW9AA1iUw","y":"7XfM6TOIXQJ9_X6cRCWuh-lqRwxQuIN_0GyPTe83lzU"},
        {"kty":"EC","kid":"p384","alg":"ES384","crv":"P-384","x":"YJupfuauoc_X8HqvopbONEpyK9FOTn06xD3IjZBsGh7q91i51VPUw6fMi7FsdYHc","y":"IDQi3Yf3qvp1-c09O7CZdpGfbY8RKGUTGLyLNB4gNCLtUfLm8LXu-8I1yltfxhoQ"},
        {"kty":"EC","kid":"p521","alg":"ES512","crv":"P-521","x":"AP1h4nfDnv630C3QGdSKHefzU5-_us3ncYNVc_togZDFGmb0vilCX-ONX6xQjQZjk4hViXpWpCy9raSayf7HDxBx","y":"AUwsZkR-8GFzZgEs3H4FyipXc8PwoDHj6f1SZqgUzSIJ6FW4Xho-vnqy3vprbtk4mVTVoIheswoMCzOVtPI0WQ7X"},
        {"kty":"OKP","kid":"ed25519","crv":"Ed25519","x":"L72vug2ZU1fa2-tKVl5PwZtZ8J16fp101ygI10_ZFo4"},
        {"kty":"RSA","kid":"encryption","use":"enc","n":"AQAB","e":"AQAB"}
        ]}
        """#

    /// Algorithm, name of its key in ``keySet``, token.
    static let tokens: [(algorithm: String, key: String, token: String)] = [
        (
            "RS256", "rsa",
            "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.gyh8DV_QR4JhULXaf0JcFCd9OuAKahybUijiO84zYQaSWuIP_djuU5hBHZeadiOFgC90DSJ6909fY9kr7Pr_IofgcaPLGRqt92otjlE2XrvTvm69nbFG1G0JfGEfHEdQdgnm3UVWyWf_Wwmsu5oa-vxuoNtLewSp7JJqYg24MlKURBrLjt5lXm12HuBCcdzT9F8SiYHerKqMlthO0U8XOwPTi3KYiNhcSHcROyvz_cYDTCBUcsEHDo6CY2S2tUzC3bmB2itnSV21urklVCYpsxBp8Vas-REF0naZMYYV_OsJ7arRXi5KhwLAWgY0wWINOfVDCTLG6QnlYXIvg8n9wg"
        ),
        (
            "RS384", "rsa",
            "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.e-OoR2RH08eqIoJdxdGUMX0cBXINbGL0Wrqc53tABFON_N97NK3DZAK_PhStKwoBmw6bau1FywazMJvxZG79RDKdZnfySw5B_qvxcr4Vx8_--Me0aXUijZ3-0cPPBWx6l1b4ocKQTeSqmNaEHko9Eg9k0DZGj0woWDNPPFg_t2GWRhKbBJkvy0qXBX0zmsBsdy28bkOvS1N4EN7XJjWzrjpymxywJOLunNaTXpMKzmLnZhPjtNf0ibmbwCTpnbNJRCwE5Kn8wBefBus6DyJccpTtp2pP2gyUonSugypPk_AKACN_OjrU6HzaTOMzwPZpkgsyl5VtkIMhgLdurFiYzQ"
        ),
        (
            "RS512", "rsa",
            "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.T1DpFDgaUr4_HTA96zQeSClYczBWsJ2W598GrbduRbnaeMk9z7NSLCmU1BSCxLtURSdpLQcx1hInoLrjPRFzjn0pYhX-Vy_Vf49cf9M3HmV5ZhqLZJAclInFg2OE2vjIYldLbfYlgBHKr8_xpFMNcGvh4bRxv6vw0N41K0CWVPAbVcMOiZuO_DB6kDdOKbxv7UdIlm7sCTnl9Y8F56WOqm6PUXMO4LTfJQ5on6-WMZKkGhiFzrXKUTEsqjiKCf2nE9PgIrCc3z7Db3n1MmBuLGtJJpl_7ahOH_pF3P0XIAclZt8m6k6rUJ5pgUPYPLC9dq4XEySfI0t2JhBIw08SOw"
        ),
        (
            "PS256", "rsa",
            "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.M9ZlRvGQKQPavyBnfIqswP0iEZ1xP_fPuVKDfDJ3LiYYRhmLaBwni5cN0awUuDnYevJxbSMVWLXuK4EuUGiIxC62RonJF_RjsNAyjxVPfiODxOWQGYPCa4IDJ_RKqRd0Zru5L0OIiR1MQxyNB8agB_yoo4J3mi82ppPOzBCA3sDUFkwdAENWo6vFPZt-S_J24qIMdltAdfjeP0fVqAAnSIzxDJZhnaz0Bb1VFM3IGohn85vH3hVu2NsxgJ0mwxvBd4Go1vLoSA_Jfc51YmEjAqcnewjj2_eJMLa2in1H7r0Aa4xKzRX7SivghR49xGgVqcIjV5VlpRZ-DNYfvN_-uQ"
        ),
        (
            "PS384", "rsa",
            "eyJhbGciOiJQUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.YW7M2JXEE0ZHEMOBlKHbSHBMianpsfVkMpkIhVs8ki5pN5bgpxq3qjgJdZXh8JpQZA_RhT8tEOiTVUuOOlbbD1rgZhNTu33G54DrfqZraYEU8JVWr_blgzMnQ_3BEHuM4BU5x-e9DDCFqO-pzOZV1FbR4XZxIP0ttTVYMlW2IKhzgrz2lIB90Mw-VmMBVmAJukbAKGIWEBRIScT0dnXNVxVJv6amJYAPYANufbGeAVBWRvEIaW2uILbYVCQFhwlkiCFAVDAxePx0qkdClB-mkyGlM3E3HR1vx_6kFk1VKPIiSMLhvh2uNkdxNRri3bWrXmAr-Hu7mhJfvSKmluTNxg"
        ),
        (
            "PS512", "rsa",
            "eyJhbGciOiJQUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.PWtl1tpacFViEjx36_6FlMNozB1ZO9Pn88P83Do1RulhVvVZTQpHRW6oHgk1oyPt4ymY-QK22Hj_5_NQVkcYlzL2h9ZVOGrqlYVf5hB7KC6DDEdihC1hgXhj6hYBTY1AZFrQyFeBqWMyG2ZEHISuE7ZrEF3g02aZXO4vwh9bvfD8AOzYmQ_v2e2x7vg7kqDeGL5tvwVqxL5Y0zKWn73Km9NVJyA2QXlvdZblAFyzmxnfTgHpw0fxGzZnvRSUSCudyjmCnnLUq3y4zUCOLXYwWTfvYJjgiazOzPH7MV1T29Tzy1BknUb4bpqLhti6ogCDnsxQaqsGrfnsJTQYJ1OiXQ"
        ),
        (
            "ES256", "p256",
            "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.ZP5FPx1Barte89YA8drxPS9aoticCvhR2JR7cnjHNhclAxtc8Tuwhh1qeuN2gQQrus28b0-3TlaLToitSXz19w"
        ),
        (
            "ES384", "p384",
            "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.lmRHG_d1HKFeuJl1xNHKUpT4AY_7vVwiT_T8NsImZ3dYdMwFW3c_1boZWpVez_t9uClhaa_hMA0B5BYpuPdswiK-szNuxN_h1-FbKUePOEGien3cGotj43AyV9ebIlMI"
        ),
        (
            "ES512", "p521",
            "eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.AVrNpuzO49WizvxRWsavg7zhiJ1Y45rgDeeyyQVJ6NTBMIC3y3tW5D8MSwl9tglQOclIq_v9osHUC2vG4TPcyd_iAP8EnanbnjeVQnA462gwvNxmmVgnZLFGsEEYXJKAn_H7a-zRb5x3zzNdgye0Po9jaiVEKVCrXukpykYN5W2_HO6z"
        ),
        (
            "EdDSA", "ed25519",
            "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.OGEf61DCdmnGLJoHPv-h8t67DVivSl61JZYU4NKjZ6amsi1VEIhyTGTDc2_kGN4_c0k8GTKA8JfuwyMbSbt-Ag"
        ),
        (
            "HS256", "secret",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.d5HSBEd-bHuQzM0HxkF76l9wGxvH0ghfBpRPzJz0pT0"
        ),
        (
            "HS384", "secret",
            "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.3DpKpAjfABwVtkE-G94G6Hqky88tEg9sZNE6DZ5W8v_6lgGVCl1jjwhyJS1Dl0N2"
        ),
        (
            "HS512", "secret",
            "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.Ym68-aDqX6DNNzDXIwk4J88JehxVWQyegEaWOdbK0_DxaMgOH284BeCYGBgrBNG6spdjN-zAKh9djrlZ4xAHSg"
        ),
    ]

    /// ES256 with a `kid`; then the same with a `kid` that the set does not contain.
    static let tokenWithKeyID =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6InAyNTYiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.dOx7TNxiBce9kcp7qA812r_LvrdLo5dw1VmVPKhCkYQLLbEVZkJ24cqsY0zqR7e4TTmYHTqDlaX8a25ZxSNatg"
    static let tokenWithUnknownKeyID =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6InJldGlyZWQiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.70b8yOOVxrbSIQ9RbtkThBkE8H3BRDnkdkwcZ99LNKOOTZ2QY0okdt5DfJidJkAfBmICE2vP3ZPfysHBk-XQkQ"

    /// RS256, signed with the key of 1024 bits.
    static let tokenOfSmallRSA =
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJub3RpZmljYXRpb25zOndyaXRlIn0.Ade7eEzH2oHpygov5iPu4bSYDf9wgr8KMcrdYgIeK8FiMqwnwFSuWc_sUmpEx4uTB4jzbj7o5Fp6rc84N1F25eUh62UiZgRuVRCiEHHJdQXOi7kKlBy-eDd7du3fjzXi5I6XgnwC5DFuf4Tjnlu41sxCtJC0eYWlrMDSdfoTDSg"
}
