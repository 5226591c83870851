use rayon::prelude::*;

use super::kernel::Kernel;
use super::layout::PANEL;
use super::matrix::QuantizedMatrix;
use super::rows::QuantizedRows;

/// Blocks of panels times rows below which one thread is done before another has woken up.
const WORTH_A_THREAD: usize = 512;

/// Products of rows with a matrix, `[rows, outputs]`.
///
/// # Panics
/// When the rows have another width than the matrix.
pub fn products(matrix: &QuantizedMatrix, rows: &QuantizedRows) -> Vec<f32> {
    let [products] = products_of([matrix], rows);
    products
}

/// Products of the same rows with several matrices, in one go over all threads.
///
/// # Panics
/// When the rows have another width than a matrix.
pub fn products_of<const N: usize>(matrices: [&QuantizedMatrix; N], rows: &QuantizedRows) -> [Vec<f32>; N] {
    products_by(Kernel::best(), matrices, rows)
}

/// [`products_of`], by a kernel of choice.
pub fn products_by<const N: usize>(
    kernel: Kernel,
    matrices: [&QuantizedMatrix; N],
    rows: &QuantizedRows,
) -> [Vec<f32>; N] {
    let mut panels = matrices.map(|matrix| vec![[0.0; PANEL]; matrix.panels() * rows.len()]);
    if !rows.is_empty() {
        let tasks = matrices.iter().zip(&mut panels).flat_map(|(matrix, panels)| tasks(matrix, panels, rows.len()));
        run(kernel, tasks.collect(), rows);
    }
    std::array::from_fn(|i| by_row(&panels[i], matrices[i].outputs(), rows.len()))
}

/// Panels that one thread computes: the matrix, the first of them, and room for their products.
struct Task<'a> {
    matrix: &'a QuantizedMatrix,
    first: usize,
    out: &'a mut [[f32; PANEL]],
}

/// Cuts a matrix into about four tasks a thread.
fn tasks<'a>(matrix: &'a QuantizedMatrix, out: &'a mut [[f32; PANEL]], rows: usize) -> impl Iterator<Item = Task<'a>> {
    let most = matrix.panels().div_ceil(4 * rayon::current_num_threads());
    let least = WORTH_A_THREAD.div_ceil(matrix.blocks() * rows);
    let panels = most.max(least);
    out.chunks_mut(panels * rows).enumerate().map(move |(i, out)| Task { matrix, first: i * panels, out })
}

fn run(kernel: Kernel, tasks: Vec<Task>, rows: &QuantizedRows) {
    let work = |task: Task| {
        for (panel, out) in (task.first..).zip(task.out.chunks_mut(rows.len())) {
            kernel.run(&task.matrix.panel(panel), rows, 0, out);
        }
    };
    if tasks.len() == 1 {
        tasks.into_iter().for_each(work);
    } else {
        tasks.into_par_iter().with_max_len(1).for_each(work);
    }
}

/// From `[panels, rows, 16]` to `[rows, outputs]`.
fn by_row(panels: &[[f32; PANEL]], outputs: usize, rows: usize) -> Vec<f32> {
    if rows == 1 {
        let mut products = panels.as_flattened().to_vec();
        products.truncate(outputs);
        return products;
    }
    let mut products = vec![0.0; rows * outputs];
    products.par_chunks_mut(outputs).enumerate().for_each(|(row, products)| {
        for (panel, products) in products.chunks_mut(PANEL).enumerate() {
            products.copy_from_slice(&panels[panel * rows + row][..products.len()]);
        }
    });
    products
}
