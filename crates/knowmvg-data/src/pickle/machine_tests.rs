use super::*;

fn problem(bytes: &[u8]) -> String {
    load(bytes).expect_err("no plain pickle").to_string()
}

#[test]
fn numbers_are_those_that_python_wrote() {
    // `pickle.dumps([0, 255, 65535, -1, 2**31, -(2**40), 0.5, True, None], 2)` of CPython 3.12, by hand.
    let bytes = b"\x80\x02](K\x00K\xffM\xff\xffJ\xff\xff\xff\xff\x8a\x05\x00\x00\x00\x80\x00\
                  \x8a\x06\x00\x00\x00\x00\x00\xffG?\xe0\x00\x00\x00\x00\x00\x00\x88Ne.";
    let pickle = load(bytes).unwrap();
    let items: Vec<_> = pickle.root().sequence().unwrap().iter().map(|&id| pickle.get(id).clone()).collect();
    let ints = [0, 255, 65535, -1, 1 << 31, -(1 << 40)].map(Value::Int);
    assert_eq!(items[..6], ints);
    assert_eq!(items[6..], [Value::Float(0.5), Value::Bool(true), Value::None]);
    assert_eq!(pickle.length(), bytes.len());
}

#[test]
fn what_imports_or_calls_is_refused_by_name_and_place() {
    assert!(problem(b"\x80\x02cos\nsystem\n.").contains("GLOBAL, which imports at byte 2"));
    assert!(problem(b"\x80\x04\x8c\x02os\x8c\x06system\x93.").contains("STACK_GLOBAL"));
    assert!(problem(b"\x80\x02)R.").contains("REDUCE"));
    assert!(problem(b"\x80\x02}b.").contains("BUILD"));
    assert!(problem(b"\x80\x02(i__main__\nx\n.").contains("INST"));
    assert!(problem(b"\x80\x02K\x01Q.").contains("BINPERSID"));
    assert!(problem(b"(lp0\n.").contains("protocol 2 to 5"));
    assert!(problem(b"\x80\x06N.").contains("protocol 2 to 5, found 6"));
}

#[test]
fn malformed_pickles_are_errors() {
    assert!(problem(b"\x80\x02]").contains("more bytes"));
    assert!(problem(b"\x80\x02a.").contains("too few"));
    assert!(problem(b"\x80\x02]K\x01(a.").contains("too few"));
    assert!(problem(b"\x80\x02e.").contains("a mark"));
    assert!(problem(b"\x80\x02h\x05.").contains("memo"));
    assert!(problem(b"\x80\x02}(K\x01u.").contains("a dictionary"));
    assert!(problem(b"\x80\x02NN.").contains("2 on the stack"));
    assert!(problem(b"\x80\x02(N.").contains("one value"));
    assert!(problem(b"\x80\x02X\x01\x00\x00\x00\xff.").contains("UTF-8"));
}

#[test]
fn lengths_are_checked_before_memory_is_spent() {
    assert!(problem(b"\x80\x02X\xff\xff\xff\xff").contains("at most 1 MiB"));
    assert!(problem(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff").contains("at most 1 MiB"));
    assert!(problem(b"\x80\x02\x8a\xff").contains("at most 8 bytes"));
    let mut deep = b"\x80\x02".to_vec();
    deep.extend([b'('; 10_000]);
    assert!(problem(&deep).contains("more than 64"));
}

#[test]
fn a_list_that_holds_itself_is_read() {
    let pickle = load(b"\x80\x02]q\x00h\x00a.").unwrap();
    assert_eq!(pickle.root(), &Value::List(vec![0]));
}
