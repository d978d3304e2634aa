// M16
#[ppair::main]
fn main()
where
    u8: Copy,
{
}
